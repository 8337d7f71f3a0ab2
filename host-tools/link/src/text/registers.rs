//! Registers in any spelling: a name, perhaps a sign, and a number.
//!
//! ```text
//! scause 000000000000000d        mcause=0xd            | sepc | 0x80000004 |
//! EPC: 00000000f7f3b8ae          "ra": 0x6577a,        scause (/64): 0x000000000000000d
//! x2/sp    ffffffff800a1e50      sepc  : 0x8000_0004   stval=B040
//! ```
//!
//! What a number without `0x` is follows from its shape: digits as many as a register has, or a
//! letter among them, are hexadecimal. Of the others the reader of the report decides.

use std::sync::LazyLock;

/// What a register states of a trap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Why.
    Cause,
    /// At which instruction.
    Pc,
    /// The address, or the instruction's bits.
    Value,
    /// The mode that was left, SUM, MXR, MPRV.
    Status,
    /// The root of the tables.
    Satp,
    /// Ticks: the only one that kernels print in decimal.
    Time,
    /// The mode the hart is in, where a debugger shows it.
    Privilege,
    /// A general register, or a CSR that only belongs to the report.
    Other,
}

/// One register on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// As the manual or the kernel calls it, in lower case; `x2` is `sp`.
    pub name: &'static str,
    /// What the register means for a trap.
    pub role: Role,
    /// Its digits as hexadecimal.
    pub value: u64,
    /// The same digits as decimal, where they can be both and the number is not the same.
    pub decimal: Option<u64>,
    /// Digits that were printed, if that says how wide a register is: 8 or 16.
    pub digits: usize,
    /// Where on the line the number ends.
    pub end: usize,
}

/// Names that a report of a trap may have, and what each means. Where two are one register, the
/// second column is what it is called here.
const NAMES: &[(&str, &str, Role)] = &[
    ("scause", "scause", Role::Cause),
    ("mcause", "mcause", Role::Cause),
    ("cause", "cause", Role::Cause),
    ("vscause", "vscause", Role::Other),
    ("sepc", "sepc", Role::Pc),
    ("mepc", "mepc", Role::Pc),
    ("epc", "epc", Role::Pc),
    ("stval", "stval", Role::Value),
    ("mtval", "mtval", Role::Value),
    ("tval", "tval", Role::Value),
    ("badaddr", "badaddr", Role::Value),
    ("sbadaddr", "stval", Role::Value),
    ("mbadaddr", "mtval", Role::Value),
    ("bad_addr", "badaddr", Role::Value),
    ("badvaddr", "badaddr", Role::Value),
    ("pf_addr", "badaddr", Role::Value),
    ("pf_ip", "epc", Role::Pc),
    ("sstatus", "sstatus", Role::Status),
    ("mstatus", "mstatus", Role::Status),
    ("status", "status", Role::Status),
    ("satp", "satp", Role::Satp),
    ("sptbr", "satp", Role::Satp),
    ("time", "time", Role::Time),
    ("priv", "priv", Role::Privilege),
    ("pc", "pc", Role::Other),
    ("htval", "htval", Role::Other),
    ("htinst", "htinst", Role::Other),
    ("mtval2", "mtval2", Role::Other),
    ("mtinst", "mtinst", Role::Other),
    ("hgatp", "hgatp", Role::Other),
    ("vsatp", "vsatp", Role::Other),
    ("vsepc", "vsepc", Role::Other),
    ("vstval", "vstval", Role::Other),
    ("mhartid", "mhartid", Role::Other),
    ("mtvec", "mtvec", Role::Other),
    ("stvec", "stvec", Role::Other),
    ("mscratch", "mscratch", Role::Other),
    ("sscratch", "sscratch", Role::Other),
    ("medeleg", "medeleg", Role::Other),
    ("mideleg", "mideleg", Role::Other),
    ("mie", "mie", Role::Other),
    ("mip", "mip", Role::Other),
    ("ra", "ra", Role::Other),
    ("sp", "sp", Role::Other),
    ("gp", "gp", Role::Other),
    ("tp", "tp", Role::Other),
    ("fp", "s0", Role::Other),
];

/// `a0`, `x10` and the like, each under its ABI name.
const GENERAL: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4",
    "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4",
    "t5", "t6",
];

/// The longest name, so that no longer word is looked up.
const LONGEST: usize = 8;

/// A register by its spelling, eight letters in one word.
type BySpelling = (u64, &'static str, Role);

/// The names by their first letter: each word of a long log is looked up here.
static KNOWN: LazyLock<[Vec<BySpelling>; 26]> = LazyLock::new(|| {
    let mut known = [const { Vec::new() }; 26];
    let general = GENERAL.iter().map(|name| (*name, *name, Role::Other));
    for (spelled, name, role) in NAMES.iter().copied().chain(general) {
        let first = usize::from(spelled.as_bytes()[0] - b'a');
        known[first].push((packed(spelled.as_bytes()), name, role));
    }
    known
});

/// Up to eight letters of any case as one number.
fn packed(word: &[u8]) -> u64 {
    let letters = word.iter().map(|it| u64::from(it.to_ascii_lowercase()));
    letters.fold(0, |packed, letter| packed << 8 | letter)
}

/// `word`: a letter, then up to seven letters, digits and `_`.
fn known(word: &[u8]) -> Option<(&'static str, Role)> {
    if let [b'x' | b'X', digits @ ..] = word {
        let number: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        return GENERAL.get(number).map(|name| (*name, Role::Other));
    }
    let spelled = packed(word);
    let row = &KNOWN[usize::from(word.first()?.to_ascii_lowercase() - b'a')];
    let found = row.iter().find(|(known, ..)| *known == spelled);
    found.map(|(_, name, role)| (*name, *role))
}

/// The register of that name.
pub(super) fn name(word: &[u8]) -> Option<&'static str> {
    let is_word = word.first().is_some_and(u8::is_ascii_alphabetic) && word.len() <= LONGEST;
    if is_word {
        known(word).map(|(name, _)| name)
    } else {
        None
    }
}

/// Every register on the line, in order.
pub(super) fn registers(line: &[u8], found: &mut Vec<Found>) {
    found.clear();
    let (mut at, mut words) = (0, Vec::new());
    while at < line.len() {
        if !line[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let mut start = at;
        while at < line.len() && is_of_word(line[at]) {
            at += 1;
        }
        let before = start.checked_sub(1).map_or(b' ', |it| line[it]);
        // `csr_scause`, `CSR_SCAUSE`.
        if line[start..at]
            .get(..4)
            .is_some_and(|it| it.eq_ignore_ascii_case(b"csr_"))
        {
            start += 4;
        }
        if at - start > LONGEST || at == start || before.is_ascii_digit() {
            continue;
        }
        // `x2/sp`: the second name is looked up next, with the number behind it.
        let Some((name, role)) = known(&line[start..at]) else {
            continue;
        };
        let Some((mut number, is_signed)) = number_after(line, at) else {
            continue;
        };
        let is_of_trap = matches!(role, Role::Cause | Role::Pc | Role::Value);
        // `frame.sepc = 1` and `$sepc=1`, but neither `12.sp` nor gdb's `x/gx $sp`.
        if matches!(before, b'.' | b'$') && !(is_of_trap && is_signed) {
            continue;
        }
        let is_certain = is_signed || is_of_trap;
        let is_word = matches!(name, "cause" | "epc" | "tval" | "status" | "time" | "pc");
        let is_wide = number.has_prefix || matches!(number.digits, 8 | 16 | 17);
        // Words of a sentence: `cause 13`, `status 5`, `a0 5`. Beside an epc the first is a register.
        if !is_wide && (!is_certain || is_word && !is_signed) && role != Role::Time {
            if name != "cause" {
                continue;
            }
            words.push(found.len());
        }
        if role == Role::Time {
            let Some(decimal) = number.decimal else {
                continue;
            };
            (number.value, number.decimal) = (decimal, None);
        }
        at = number.end;
        let says_width = matches!(number.digits, 8 | 16) && role != Role::Time;
        let is_padded = !number.has_prefix || number.begins_with_zero || number.digits == 16;
        found.push(Found {
            name,
            role,
            value: number.value,
            decimal: number.decimal.filter(|it| !is_wide && *it != number.value),
            digits: if says_width && is_padded {
                number.digits
            } else {
                0
            },
            end: number.end,
        });
    }
    if !found.iter().any(is_place) {
        words.iter().rev().for_each(|place| {
            found.remove(*place);
        });
    }
}

fn is_place(it: &Found) -> bool {
    matches!(it.role, Role::Pc | Role::Value)
}

fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A number as it stands.
struct Printed {
    value: u64,
    decimal: Option<u64>,
    digits: usize,
    has_prefix: bool,
    begins_with_zero: bool,
    end: usize,
}

/// The number after a name, and whether a sign stood between: `: = | , ->` and the like.
fn number_after(line: &[u8], mut at: usize) -> Option<(Printed, bool)> {
    let byte = |at: usize| line.get(at).copied().unwrap_or_default();
    let blanks = |mut at: usize| {
        while matches!(byte(at), b' ' | b'\t') {
            at += 1;
        }
        at
    };
    let mut is_signed = false;
    // Quotes of JSON and Python, and what Markdown puts around a word.
    while matches!(byte(at), b'"' | b'\'' | b'`' | b'*') {
        (is_signed, at) = (true, at + 1);
    }
    at = blanks(at);
    // `scause(0xd)`: the number itself; `(/64)`, `(x2)`, as OpenOCD and some kernels have them; and the
    // bracket behind `Last cause (mcause):`.
    if line[at..].starts_with(b"(0x") {
        return Some((printed(line, at + 1)?, true));
    }
    if byte(at) == b'(' {
        let inside = line[at..].iter().take(10).position(|it| *it == b')')?;
        // Of two names the one in the brackets is the register's.
        if name(&line[at + 1..at + inside]).is_some_and(|it| it.ends_with("cause")) {
            return None;
        }
        at = blanks(at + inside + 1);
    }
    if line[at..].starts_with(b"):") {
        at += 1;
    }
    let sign = sign(&line[at..]);
    match sign {
        Some(length) => (is_signed, at) = (true, at + length),
        None => is_signed &= byte(at).is_ascii_hexdigit(),
    }
    at = blanks(at);
    while matches!(byte(at), b'"' | b'\'' | b'`' | b'[' | b'(') {
        if verilog(&line[at..]).is_some() {
            break;
        }
        at += 1;
    }
    let number = match verilog(&line[at..]) {
        Some(length) => digits(line, at + length, true)?,
        None => printed(line, at)?,
    };
    Some((number, is_signed))
}

/// Length of a sign between a name and its number.
fn sign(text: &[u8]) -> Option<usize> {
    match text {
        [b':' | b'=' | b'|', rest @ ..] => {
            // `==`, `:=`, `=>`, and Markdown's `**name:** value`.
            let more = rest
                .iter()
                .take_while(|it| matches!(it, b'=' | b'*' | b'>'));
            Some(1 + more.count())
        }
        [b'-', b'>', ..] => Some(2),
        // The arrows → and ⇒.
        [0xe2, 0x86, 0x92, ..] | [0xe2, 0x87, 0x92, ..] => Some(3),
        // A row of CSV.
        [b',', rest @ ..] if rest.trim_ascii_start().starts_with(b"0x") => Some(1),
        [b'i', b's', b' ', b'0', b'x', ..] => Some(3),
        _ => None,
    }
}

/// Length of Verilog's prefix of a hexadecimal number: `64'h`, `'h`.
fn verilog(text: &[u8]) -> Option<usize> {
    let bits = text.iter().take_while(|it| it.is_ascii_digit()).count();
    let is_hex = bits <= 3 && matches!(text.get(bits..bits + 2), Some(b"'h" | b"'H"));
    is_hex.then_some(bits + 2)
}

fn printed(line: &[u8], at: usize) -> Option<Printed> {
    let has_prefix = matches!(line.get(at..at + 2), Some(b"0x" | b"0X"));
    digits(line, at + if has_prefix { 2 } else { 0 }, has_prefix)
}

fn digits(line: &[u8], mut at: usize, has_prefix: bool) -> Option<Printed> {
    let (mut value, mut decimal, mut digits, mut has_digit) = (0_u64, Some(0_u64), 0, false);
    let first = at;
    while let Some(byte) = line.get(at).copied() {
        match char::from(byte).to_digit(16) {
            Some(digit) => {
                value = value.checked_mul(16)?.checked_add(digit.into())?;
                decimal = decimal
                    .filter(|_| byte.is_ascii_digit())
                    .and_then(|it| it.checked_mul(10)?.checked_add(digit.into()));
                has_digit |= byte.is_ascii_digit();
                digits += 1;
            }
            None if byte == b'_' && digits > 0 => {}
            // WinDbg parts a number of 64 bits in the middle.
            None if byte == b'`' && digits == 8 && is_rest_of_eight(&line[at + 1..]) => {}
            None => break,
        }
        at += 1;
    }
    // A word of letters a to f is a word; one that goes on is no number.
    let ends = |byte: &u8| !is_of_word(*byte) && !matches!(byte, b'+' | b'.');
    let is_verilog = verilog(&line[at..]).is_some();
    let is_ended =
        !is_verilog && line.get(at).is_none_or(ends) || line.get(at..at + 2) == Some(b". ");
    let is_number = digits > 0 && (has_digit || has_prefix || digits >= 8);
    (is_number && (is_ended || line.get(at) == Some(&b'.') && at + 1 == line.len())).then(|| {
        Printed {
            value,
            decimal: decimal.filter(|_| !has_prefix),
            digits,
            has_prefix,
            begins_with_zero: line[first] == b'0',
            end: at,
        }
    })
}

fn is_rest_of_eight(text: &[u8]) -> bool {
    text.iter().take_while(|it| it.is_ascii_hexdigit()).count() == 8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Vec<(&'static str, u64)> {
        let mut found = Vec::new();
        registers(line.as_bytes(), &mut found);
        found.iter().map(|it| (it.name, it.value)).collect()
    }

    #[test]
    fn one_register_in_every_spelling() {
        for line in [
            "scause 000000000000000d",
            "scause: 0xd",
            "scause=0xD",
            "SCAUSE = 0000000D",
            "scause : 0x000000000000000d",
            "| scause | 0xd |",
            "\"scause\": 0xd,",
            "scause (/64): 0x000000000000000d",
            "scause         0xd\t13",
            "(gdb) p $x  scause -> 0xd",
            "hart0: scause=0xd.",
            "scause=0x0000_000d",
            "scause == 0xd",
            "| `scause` | `0xd` |",
            "**scause:** `0xd`",
            "`scause`: 0xd",
            "$scause = 0xd",
            "frame.scause = 0xd",
            "csr_scause: 0xd",
            "CSR_SCAUSE=0xD",
            "scause => 0xd",
            "scause → 0xd",
            "scause,0xd",
            "scause is 0xd,",
            "scause(0xd)",
            "Last cause (scause): 0xd",
            "scause=64'h000000000000000d",
            "scause='hd",
            "scause=00000000`0000000d sp",
        ] {
            assert_eq!(read(line), [("scause", 13)], "{line}");
        }
    }

    #[test]
    fn two_names_of_one_register_and_many_on_a_line() {
        assert_eq!(
            read(
                " x0/zero 0000000000000000 x1/ra ffffffff80018b1c x2 800a1e50 FP: 0000000000000001"
            ),
            [
                ("zero", 0),
                ("ra", 0xffff_ffff_8001_8b1c),
                ("sp", 0x800a_1e50),
                ("s0", 1)
            ]
        );
        assert_eq!(
            read("epc : 0000003fade71698 ra : 0000003fadfb1a2a sp : 0000003ffe913bd0")[1],
            ("ra", 0x3f_adfb_1a2a)
        );
        assert_eq!(
            read("t0 = 0x00000000000000003  s11 = 0x1"),
            [("t0", 3), ("s11", 1)]
        );
    }

    #[test]
    fn what_is_no_number_of_a_register_is_none() {
        for line in [
            "epc : crash_init+0x12/0xff0",
            "ra : do_one_initcall+0x4e",
            "the scause is 13",
            "scause xyz",
            "root cause 5",
            "exit status 12345",
            "a0 5",
            "sp 12",
            "scause 10000000000000000f",
            "ra: added",
            "mscause 0xd",
            "x32 00000000",
            "sepc 80000004h",
            "scause",
            "scause:",
            "scause (",
        ] {
            assert_eq!(read(line), [], "{line}");
        }
    }

    #[test]
    fn a_number_that_can_be_both_keeps_both() {
        let mut found = Vec::new();
        registers(
            b"scause 15, sepc=5C4, mcause: 7, cause=00000013",
            &mut found,
        );
        let both: Vec<_> = found.iter().map(|it| (it.value, it.decimal)).collect();
        assert_eq!(
            both,
            [(0x15, Some(15)), (0x5c4, None), (7, None), (0x13, None)]
        );
    }

    #[test]
    fn a_register_is_as_wide_as_its_zeros_say() {
        let mut found = Vec::new();
        let line = b"scause=0xd sepc=0x80000004 stval=0x00000004 ra 80000004 sp=0x8000000000000000";
        registers(line, &mut found);
        let digits: Vec<_> = found.iter().map(|it| it.digits).collect();
        assert_eq!(digits, [0, 0, 8, 8, 16]);
    }
}
