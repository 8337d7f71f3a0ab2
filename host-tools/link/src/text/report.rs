//! Registers of a trap as a kernel or firmware printed them.

use abi::{Access, Cause, Fault, Sighting};

/// One trap, out of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CrashReport {
    /// What the kernel said.
    pub message: Option<String>,
    /// Name and value of each register in the report, in its order. `x2` is `sp`; all else
    /// is called as the kernel calls it, in small letters.
    pub registers: Vec<(&'static str, u64)>,
    /// Digits of a register: 8 on a hart of 32 bits, 16 on one of 64, 0 where none was printed at
    /// its full width.
    pub digits: usize,
    /// Whose text it is, where a line says so.
    pub dialect: Option<&'static str>,
    /// When, in microseconds of the kernel's clock.
    pub time_us: Option<u64>,
    /// What had to be decided to read it, and what in it contradicts itself: sentences.
    pub notes: Vec<String>,
    /// By how much the program lies above where it was linked to: relocation, KASLR.
    pub moved_by: u64,
    /// The walk that the kernel itself printed.
    pub walk: Option<PrintedWalk>,
    /// Names of instructions as the kernel printed them, by the register: `epc`, `ra`.
    pub names: Vec<(&'static str, String)>,
    /// The hart that its lines name.
    pub hart: Option<u64>,
}

/// Entries on the way of an address, as a kernel printed them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrintedWalk {
    /// Bits of a virtual address: 32, 39, 48 or 57.
    pub va_bits: Option<u32>,
    /// Physical address of the root table.
    pub root: Option<u64>,
    /// What the kernel calls the level, and the entry, from the root on.
    pub entries: Vec<(&'static str, u64)>,
}

/// What registers are called that say why, where and about what.
const CAUSES: [&str; 3] = ["scause", "mcause", "cause"];
const PCS: [&str; 3] = ["sepc", "mepc", "epc"];
const VALUES: [&str; 4] = ["stval", "mtval", "tval", "badaddr"];

impl CrashReport {
    /// A register by name.
    pub fn register(&self, name: &str) -> Option<u64> {
        let found = self.registers.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    fn first<const N: usize>(&self, names: [&str; N]) -> Option<u64> {
        let mut names = names.into_iter().filter(|name| self.is_of_mode(name));
        names.find_map(|name| self.register(name))
    }

    /// Whether machine mode took the trap: its registers are printed and the supervisor's are not, or
    /// are zero, as before its first trap.
    pub fn is_machine(&self) -> bool {
        let has = |names: [&str; 3]| names.iter().any(|name| self.register(name).is_some());
        let is_idle = |names: [&str; 3]| {
            let mut told = names.iter().filter_map(|name| self.register(name));
            told.all(|value| value == 0)
        };
        has(["mcause", "mepc", "mtval"]) && is_idle(["scause", "sepc", "stval"])
    }

    fn is_of_mode(&self, name: &str) -> bool {
        let other = if self.is_machine() { 's' } else { 'm' };
        !(name.starts_with(other)
            && (name.ends_with("cause") || name.ends_with("epc") || name.ends_with("tval")))
    }

    /// Why: `scause`, `mcause`, or what the kernel calls it.
    pub fn cause(&self) -> Option<u64> {
        self.first(CAUSES)
    }

    /// At which instruction.
    pub fn pc(&self) -> Option<u64> {
        self.first(PCS)
    }

    /// The address, or the instruction's bits.
    pub fn value(&self) -> Option<u64> {
        self.first(VALUES)
    }

    /// `mstatus`, `sstatus`, of the mode that took the trap.
    pub fn status(&self) -> Option<u64> {
        let names = match self.is_machine() {
            true => ["mstatus", "status", "sstatus"],
            false => ["sstatus", "status", "mstatus"],
        };
        names.into_iter().find_map(|name| self.register(name))
    }

    /// Which of cause, pc and address the text does not have, as this mode calls them.
    pub fn missing(&self) -> Vec<&'static str> {
        let names = match self.is_machine() {
            true => ["mcause", "mepc", "mtval"],
            false => ["scause", "sepc", "stval"],
        };
        let told = [self.cause(), self.pc(), self.value()];
        let missing = names.into_iter().zip(told);
        missing
            .filter(|(_, told)| told.is_none())
            .map(|(name, _)| name)
            .collect()
    }

    /// The exception that it names; `None` of an interrupt, or where the cause is not known.
    pub fn exception(&self) -> Option<Cause> {
        let cause = self.cause()?;
        let top = if self.digits == 8 { 31 } else { 63 };
        let is_exception = cause >> top == 0;
        is_exception.then(|| u8::try_from(cause).map(Cause::decode).ok())?
    }

    /// As a fault of a log: an exception, and where or on what it was.
    pub(super) fn sighting(&self) -> Option<Sighting> {
        let cause = self.exception()?;
        let (epc, va) = (self.pc(), self.value());
        epc.or(va)?;
        let fault = Fault {
            time: self.time_us.unwrap_or(0),
            epc: epc.unwrap_or(0),
            va: va.unwrap_or(0),
            cause: cause.number(),
            access: access_of(cause),
            ..Fault::EMPTY
        };
        Some(Sighting {
            seq: None,
            time_us: self.time_us,
            fault,
        })
    }
}

/// The access that a cause implies; 0 for causes without an address.
pub(super) fn access_of(cause: Cause) -> u8 {
    let access = Access::of(cause).filter(|_| cause.has_address());
    access.map_or(0, Access::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(registers: &[(&'static str, u64)]) -> CrashReport {
        CrashReport {
            registers: registers.to_vec(),
            ..CrashReport::default()
        }
    }

    #[test]
    fn the_mode_that_trapped_is_the_one_whose_registers_say_something() {
        let both = [
            ("mcause", 9),
            ("scause", 13),
            ("mepc", 1),
            ("sepc", 2),
            ("stval", 3),
        ];
        let supervisor = report(&both);
        assert_eq!((supervisor.cause(), supervisor.pc()), (Some(13), Some(2)));
        let idle = report(&[
            ("mcause", 5),
            ("scause", 0),
            ("mepc", 1),
            ("sepc", 0),
            ("mtval", 4),
        ]);
        assert_eq!(
            (idle.cause(), idle.pc(), idle.value()),
            (Some(5), Some(1), Some(4))
        );
        assert!(idle.is_machine());
        let neither = report(&[("cause", 7), ("badaddr", 4)]);
        assert_eq!(neither.missing(), ["sepc"]);
    }

    #[test]
    fn an_interrupt_is_no_exception_at_either_width() {
        let mut wide = report(&[("scause", 1 << 63 | 5), ("sepc", 1)]);
        assert_eq!((wide.exception(), wide.sighting()), (None, None));
        wide.registers[0].1 = 1 << 31 | 5;
        wide.digits = 8;
        assert_eq!(wide.exception(), None);
    }
}
