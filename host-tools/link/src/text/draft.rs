//! A report that is being put together, and what a dialect may add to it.
//!
//! A cause is read in the radix that its shape, or the name beside it, says; where neither does, the
//! report notes how it was read.

use abi::{Cause, Sighting};

use super::CrashReport;
use super::causes::named_behind;
use super::registers::{Found, Role};

/// Registers of one report; a text with more repeats itself.
const MOST_REGISTERS: usize = 96;

/// What one kernel or tool says beside registers.
pub(super) struct TrapDialect {
    /// Whose text it is.
    pub name: &'static str,
    /// What a new trap begins with; the message is what follows from there on.
    pub begins: &'static [&'static str],
    /// What else only this text has.
    pub marks: &'static [&'static str],
    /// Whether what stands from its mark on is a sentence: the message of the report.
    pub says: bool,
    /// Whether numbers without `0x`, and without a letter, are decimal: Rust's `{:?}`.
    pub is_decimal: bool,
    /// Whether its `pc` is where the hart is now, whatever trapped before: a debugger's.
    pub has_own_pc: bool,
    /// Takes from a line what registers do not hold.
    pub more: fn(line: &[u8], draft: &mut Draft) -> Registers,
}

/// What to do with the registers of a line that a dialect has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registers {
    /// They are of the report.
    Count,
    /// The dialect took what they mean.
    Taken,
}

/// For dialects that say nothing but registers.
pub(super) fn nothing_more(_: &[u8], _: &mut Draft) -> Registers {
    Registers::Count
}

/// A dialect without any of that, for the rows to begin with.
pub(super) const PLAIN: TrapDialect = TrapDialect {
    name: "",
    begins: &[],
    marks: &[],
    says: false,
    is_decimal: false,
    has_own_pc: false,
    more: nothing_more,
};

/// A report that is not complete.
#[derive(Default)]
pub(super) struct Draft {
    pub report: CrashReport,
    /// Whose text it is.
    pub dialect: Option<&'static TrapDialect>,
    /// What the text calls the cause.
    pub named: Option<u8>,
    /// An interrupt, where the text says so beside the number.
    pub is_interrupt: bool,
    /// The cause's number in decimal, by the index of its register, while nothing decides.
    open_causes: Vec<(usize, u64)>,
    /// The same of registers that hold addresses.
    open_addresses: Vec<(usize, u64)>,
    /// Numbers without `0x` and not at full width that only hexadecimal explains.
    has_bare_hex: bool,
    /// Registers that a sentence gave: a line of registers knows better.
    by_words: Vec<&'static str>,
    /// The register whose number a debugger prints on the next line.
    pub asked: Option<&'static str>,
    /// The hart that the text names.
    pub hart: Option<u64>,
    /// Lines since the last register.
    pub quiet_lines: usize,
    /// Another parser has reported it as a fault.
    pub is_told: bool,
    /// The fault, once it was reported.
    pub sighting: Option<Sighting>,
}

impl Draft {
    /// Adds a register that a dialect has under a name of its own.
    pub fn put(&mut self, name: &'static str, value: u64) {
        if self.report.register(name).is_none() && self.report.registers.len() < MOST_REGISTERS {
            self.report.registers.push((name, value));
        }
    }

    /// Adds a register out of a sentence, which may be cut.
    pub fn put_of_words(&mut self, name: &'static str, value: u64) {
        if self.report.register(name).is_none() {
            self.put(name, value);
            self.by_words.push(name);
        }
    }

    pub fn has_cause(&self) -> bool {
        self.report.cause().is_some()
    }

    /// Whether a line with these registers is of the next trap.
    pub fn is_followed_by(&self, found: &[Found]) -> bool {
        let known = |it: &Found| self.report.register(it.name);
        found.iter().any(|it| match it.role {
            Role::Cause => known(it).is_some(),
            Role::Pc | Role::Value => {
                self.has_cause() && known(it).is_some_and(|value| value != it.value)
            }
            _ => false,
        })
    }

    /// Takes the registers of a line.
    pub fn take(&mut self, line: &[u8], found: &[Found]) {
        for it in found {
            let report = &mut self.report;
            if let Some(place) = self.by_words.iter().position(|name| *name == it.name) {
                self.by_words.remove(place);
                report.registers.retain(|(name, _)| *name != it.name);
            }
            if report.register(it.name).is_some() || report.registers.len() >= MOST_REGISTERS {
                continue;
            }
            report.digits = report.digits.max(it.digits);
            self.has_bare_hex |= it.digits == 0 && is_bare_hex(line, it);
            if let Some(decimal) = it.decimal {
                let open = match it.role {
                    Role::Cause => &mut self.open_causes,
                    _ => &mut self.open_addresses,
                };
                open.push((report.registers.len(), decimal));
            }
            report.registers.push((it.name, it.value));
            if it.role == Role::Cause && self.named.is_none() {
                self.named = named_behind(line, it.end);
            }
        }
    }

    /// Decides what was open.
    pub fn settle(&mut self) {
        if self.report.digits == 0 {
            self.report.digits = self.width();
        }
        for (place, decimal) in std::mem::take(&mut self.open_causes) {
            self.settle_cause(place, decimal);
        }
        self.settle_addresses();
        self.settle_name();
        self.settle_pc();
        let top = if self.report.digits == 8 { 31 } else { 63 };
        if self.is_interrupt {
            let cause = self
                .report
                .registers
                .iter_mut()
                .find(|(name, _)| name.ends_with("cause"));
            if let Some((_, value)) = cause {
                *value |= 1 << top;
            }
        }
    }

    /// An interrupt of a 32-bit hart has bit 31 set, and nothing above it.
    fn width(&self) -> usize {
        let is_narrow = |value: u64| value >> 31 == 1 && value & 0x7fff_ffff < 64;
        let all_narrow = self
            .report
            .registers
            .iter()
            .all(|(_, value)| value >> 32 == 0);
        match self.report.cause().is_some_and(is_narrow) && all_narrow {
            true => 8,
            false => 16,
        }
    }

    /// Whether its cause may still become another number.
    pub fn is_unsettled(&self) -> bool {
        !self.open_causes.is_empty()
            || !self.open_addresses.is_empty()
            || self.is_interrupt
            || self.report.digits == 0
    }

    fn settle_cause(&mut self, place: usize, decimal: u64) {
        let (name, hex) = self.report.registers[place];
        let by_name = self.named.map(u64::from);
        let value = match by_name {
            Some(number) if number == decimal || number == hex => number,
            _ if self.has_bare_hex => hex,
            _ => decimal,
        };
        self.report.registers[place].1 = value;
        if by_name != Some(value) {
            let (radix, other) = match value == hex {
                true => ("hexadecimal, as its neighbours are", decimal),
                false => ("decimal", hex),
            };
            let number = |value: u64| u8::try_from(value).map_or(u8::MAX, |it| it);
            let other = Cause::decode(number(other));
            self.report.notes.push(format!(
                "{name} {hex:x} is read as {radix}: {}; else it were {other}",
                Cause::decode(number(value)),
            ));
        }
    }

    /// Numbers without `0x`, and without a letter among all their digits, are decimal if one of them is longer
    /// than a register of 32 bits and shorter than one of 64: who prints in hexadecimal rarely meets that.
    fn settle_addresses(&mut self) {
        let open = std::mem::take(&mut self.open_addresses);
        let registers = &mut self.report.registers;
        let is_long = |(place, _): &(usize, u64)| registers[*place].1 >> 32 != 0;
        let is_decimal = self.dialect.is_some_and(|it| it.is_decimal) || open.iter().any(is_long);
        if self.has_bare_hex || !is_decimal {
            return;
        }
        for (place, decimal) in open {
            let (name, value) = &mut registers[place];
            self.report
                .notes
                .push(format!("{name} {value:x} is read as decimal: {decimal:#x}"));
            *value = decimal;
        }
    }

    /// A name beside the number is the same cause, or it is said; without a number it is the cause.
    fn settle_name(&mut self) {
        let Some(named) = self.named else { return };
        match self.report.cause() {
            None => {
                let name = if self.report.is_machine() {
                    "mcause"
                } else {
                    "scause"
                };
                self.report.registers.insert(0, (name, named.into()));
                let cause = Cause::decode(named);
                self.report
                    .notes
                    .push(format!("the cause is given by its name: {named}, {cause}"));
            }
            Some(value) if value != u64::from(named) && !self.is_interrupt && value >> 31 == 0 => {
                let [told, cause] =
                    [named, u8::try_from(value).unwrap_or(u8::MAX)].map(Cause::decode);
                self.report.notes.push(format!(
                    "the text says {told}, and its cause {value} is {cause}"
                ));
            }
            Some(_) => {}
        }
    }

    /// Where a kernel prints a pc and no epc, it is that of the trap; a debugger's is where the hart is now.
    fn settle_pc(&mut self) {
        let is_debugger = self.dialect.is_some_and(|it| it.has_own_pc);
        let has_cause = self.report.cause().is_some() && self.report.pc().is_none();
        if let Some(pc) = self.report.register("pc")
            && has_cause
            && !is_debugger
            && self.report.register("priv").is_none()
        {
            self.put("epc", pc);
            self.report
                .notes
                .push("the text has a pc and no epc: it is taken for that of the trap".to_owned());
        }
    }

    /// Whether it has enough registers to be a trap.
    pub fn is_trap(&self) -> bool {
        let report = &self.report;
        let has_csr = ["scause", "mcause"]
            .iter()
            .any(|name| report.register(name).is_some());
        match (report.cause().is_some(), report.pc(), report.value()) {
            (true, pc, value) => has_csr || pc.is_some() || value.is_some(),
            (false, pc, value) => pc.is_some() && value.is_some(),
        }
    }
}

/// Whether a number without `0x` has a letter among its digits.
fn is_bare_hex(line: &[u8], it: &Found) -> bool {
    let is_digit = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b'_';
    let digits = line[..it.end].iter().rev().take_while(is_digit).count();
    let (before, digits) = line[..it.end].split_at(it.end - digits);
    let has_letter = digits.iter().any(u8::is_ascii_alphabetic);
    has_letter && !before.ends_with(b"x") && !before.ends_with(b"X")
}

#[cfg(test)]
mod tests {
    use super::super::crashes;

    #[test]
    fn addresses_in_decimal_are_read_as_such_and_said() {
        for text in [
            "Exception!\nmcause: 13\nmepc: 2147484212\nmtval: 16\n",
            "TrapFrame { sepc: 2147484212, scause: Exception(LoadPageFault), stval: 16 }\n",
        ] {
            let found = crashes(text.as_bytes());
            let trap = &found[0];
            assert_eq!(
                (trap.cause(), trap.pc(), trap.value()),
                (Some(13), Some(0x8000_0234), Some(16)),
                "{trap:?}"
            );
            let notes = trap.notes.join("; ");
            assert!(
                notes.contains("epc 2147484212 is read as decimal: 0x80000234"),
                "{notes}"
            );
        }
    }

    #[test]
    fn one_letter_makes_all_of_them_hexadecimal() {
        let text = "mcause: 5\nmepc: 80000a34\nmtval: 2000001000\nsp: 3fc8f8d0a0\n";
        let found = crashes(text.as_bytes());
        assert_eq!(found[0].value(), Some(0x20_0000_1000));
        assert!(found[0].notes.is_empty(), "{:?}", found[0].notes);
    }
}
