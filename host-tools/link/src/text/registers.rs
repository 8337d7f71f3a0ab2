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

/// Every register on the line, in order.
pub(super) fn registers(line: &[u8], found: &mut Vec<Found>) {
    found.clear();
    let mut at = 0;
    while at < line.len() {
        if !line[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let start = at;
        while at < line.len() && is_of_word(line[at]) {
            at += 1;
        }
        if at - start > LONGEST || start > 0 && matches!(line[start - 1], b'0'..=b'9' | b'.' | b'$')
        {
            continue;
        }
        // `x2/sp`: the second name is looked up next, with the number behind it.
        let Some((name, role)) = known(&line[start..at]) else {
            continue;
        };
        let Some((mut number, is_signed)) = number_after(line, at) else {
            continue;
        };
        let is_certain = is_signed || matches!(role, Role::Cause | Role::Pc | Role::Value);
        let is_word = matches!(name, "cause" | "epc" | "tval" | "status" | "time" | "pc");
        let is_wide = number.has_prefix || matches!(number.digits, 8 | 16 | 17);
        // Words of a sentence: `cause 13`, `status 5`, `a0 5`.
        if !is_wide && (!is_certain || is_word && !is_signed) && role != Role::Time {
            continue;
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

/// The number after a name, and whether a sign stood between: `: = |` or `->`.
fn number_after(line: &[u8], mut at: usize) -> Option<(Printed, bool)> {
    let byte = |at: usize| line.get(at).copied().unwrap_or_default();
    let blanks = |mut at: usize| {
        loop {
            match byte(at) {
                b' ' | b'\t' => at += 1,
                // The blank that pages and chats keep from breaking, in UTF-8.
                0xc2 if byte(at + 1) == 0xa0 => at += 2,
                _ => return at,
            }
        }
    };
    let mut is_signed = false;
    // Quotes of JSON and Python, and what Markdown puts around a word.
    while matches!(byte(at), b'"' | b'\'' | b'`' | b'*') {
        (is_signed, at) = (true, at + 1);
    }
    at = blanks(at);
    // `(/64)`, `(x2)`, as OpenOCD and some kernels have them.
    if byte(at) == b'(' {
        let inside = line[at..].iter().take(8).position(|it| *it == b')')?;
        at = blanks(at + inside + 1);
    }
    match byte(at) {
        b':' | b'=' | b'|' => {
            is_signed = true;
            // `==`, `:=`, and Markdown's `**name:** value`.
            at += 1;
            while matches!(byte(at), b'=' | b'*') {
                at += 1;
            }
        }
        b'-' if byte(at + 1) == b'>' => {
            is_signed = true;
            at += 2;
        }
        _ => is_signed &= byte(at).is_ascii_hexdigit(),
    }
    at = blanks(at);
    while matches!(byte(at), b'"' | b'\'' | b'`' | b'[' | b'(') {
        at += 1;
    }
    Some((printed(line, at)?, is_signed))
}

fn printed(line: &[u8], mut at: usize) -> Option<Printed> {
    let has_prefix = matches!(line.get(at..at + 2), Some(b"0x" | b"0X"));
    if has_prefix {
        at += 2;
    }
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
            None => break,
        }
        at += 1;
    }
    // A word of letters a to f is a word; one that goes on is no number.
    let ends = |byte: &u8| !is_of_word(*byte) && !matches!(byte, b'+' | b'.');
    let is_ended = line.get(at).is_none_or(ends) || line.get(at..at + 2) == Some(b". ");
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
            "scause\u{a0}= 0xd",
            "scause\u{a0}:\u{a0}0xd",
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
