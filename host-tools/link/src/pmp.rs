//! PMP as people hold it: registers in any spelling, or the regions that OpenSBI prints at boot.
//!
//! ```text
//! pmpcfg0=0x1f1c18 pmpaddr0=0x20007fff …            pmpcfg0  0x1f1c18  2038808  (gdb)
//! Domain0 Region00 : 0x80040000-0x8005ffff M: (R,W) S/U: ()
//! PMP0             : 0x80000000-0x8001ffff (A)      OpenSBI before 0.8
//! ```
//!
//! OpenSBI writes its regions into the entries in this order. Which of them are locked it does not print, so
//! nothing follows from them for machine mode.

use pagetable::{Pmp, PmpEntry, PmpRegisters, PmpRegistersError, Xlen};
use thiserror::Error;

use crate::memory::text::address;

/// Why a text has no PMP entries that can be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PmpTextError {
    /// Neither registers nor regions.
    #[error(
        "no pmpcfgN or pmpaddrN with a value is in it, and no line of OpenSBI's regions \
         (Domain0 Region00 …)"
    )]
    Nothing,
    /// Registers that make no entries.
    #[error(transparent)]
    Registers(#[from] PmpRegistersError),
    /// Smepmp is active, which changes what entries mean.
    #[error(
        "mseccfg is {0:#x}: with MML or MMWP the rules of Smepmp hold, which are not understood here"
    )]
    Smepmp(u64),
}

/// Entries, and how they were understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PmpText {
    /// The entries that match addresses.
    pub pmp: Pmp,
    /// What was assumed, one sentence each.
    pub notes: Vec<String>,
}

/// Bits MML and MMWP of `mseccfg`: Smepmp 1.0, "Machine Security Configuration".
const SMEPMP: u64 = 0b11;

/// Entries of a hart's registers, as `name` and value.
pub fn of_registers<'a>(
    registers: impl IntoIterator<Item = (&'a str, u64)>,
    xlen: Xlen,
) -> Result<PmpText, PmpTextError> {
    let mut known = PmpRegisters::new(xlen);
    for (name, value) in registers {
        take(&mut known, name, value)?;
    }
    if !known.is_any_known() {
        return Err(PmpTextError::Nothing);
    }
    let pmp = known.entries()?;
    let mut notes = Vec::new();
    let entries = known.known();
    if entries < 16 {
        notes.push(format!(
            "{entries} PMP entries are given; all others are taken as off"
        ));
    }
    notes.extend(known.reserved().map(|entry| {
        format!("PMP entry {entry} has W without R, which is reserved without Smepmp")
    }));
    if pmp.entries().is_empty() {
        notes.push(
            "every PMP entry is off: a hart that has PMP refuses all of user and supervisor mode"
                .to_owned(),
        );
    }
    Ok(PmpText { pmp, notes })
}

/// Reads a text for a hart of this width.
pub fn read(text: &str, xlen: Xlen) -> Result<PmpText, PmpTextError> {
    let found: Vec<(String, u64)> = text.lines().flat_map(registers_of).collect();
    if !found.is_empty() {
        let named = found.iter().map(|(name, value)| (&**name, *value));
        return of_registers(named, xlen);
    }
    let mut pmp = Pmp::new();
    let mut others = 0_usize;
    for line in text.lines() {
        match region(line) {
            Some((0, entry)) => others += usize::from(!pmp.push(entry)),
            Some(_) => others += 1,
            None => {}
        }
    }
    if pmp.entries().is_empty() {
        return Err(PmpTextError::Nothing);
    }
    let mut notes = vec![
        "OpenSBI's regions are taken as PMP entries in their order; which are locked is not printed"
            .to_owned(),
    ];
    if others > 0 {
        notes.push(format!(
            "{others} more regions, of other domains or printed again, are left out"
        ));
    }
    Ok(PmpText { pmp, notes })
}

fn take(known: &mut PmpRegisters, name: &str, value: u64) -> Result<(), PmpTextError> {
    let number = |prefix: &str| name.strip_prefix(prefix)?.parse::<u8>().ok();
    if let Some(number) = number("pmpcfg") {
        known.set_config(number, value)?;
    } else if let Some(number) = number("pmpaddr") {
        known.set_address(number, value)?;
    } else if name == "mseccfg" && value & SMEPMP != 0 {
        return Err(PmpTextError::Smepmp(value));
    }
    Ok(())
}

/// Whether it is the name of a register of PMP, in small letters.
fn is_name(word: &str) -> bool {
    let numbered = |prefix| {
        let digits = word.strip_prefix(prefix);
        digits.is_some_and(|it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
    };
    numbered("pmpcfg") || numbered("pmpaddr") || word == "mseccfg"
}

/// The registers that a line names, each with the first number behind it.
fn registers_of(line: &str) -> Vec<(String, u64)> {
    let words = line.split(|c: char| c.is_whitespace() || "=:,;|\"'(){}[]".contains(c));
    let (mut found, mut name) = (Vec::new(), None);
    for word in words.filter(|word| !word.is_empty()) {
        let small = word.to_ascii_lowercase();
        let small = small
            .strip_prefix("csr_")
            .map_or(small.clone(), str::to_owned);
        if is_name(&small) {
            name = Some(small);
        } else if let Some(value) = address(word)
            && let Some(name) = name.take()
        {
            found.push((name, value));
        }
    }
    found
}

/// The region of a line of OpenSBI's, as an entry, and the number of its domain.
fn region(line: &str) -> Option<(u32, PmpEntry)> {
    let digits = |text: &str| -> Option<u32> {
        let end = text.find(|c: char| !c.is_ascii_digit());
        text[..end.unwrap_or(text.len())].parse().ok()
    };
    let after = |mark: &str| Some(&line[line.find(mark)? + mark.len()..]);
    let (domain, number) = match after("Region") {
        Some(number) => (digits(after("Domain")?)?, digits(number)?),
        None => (0, digits(after("PMP")?)?),
    };
    let rest = &line[line.find(": ")?..];
    let (first, rest) = rest[rest.find("0x")?..].split_once('-')?;
    let rest = rest.trim_start();
    let (last, rest) = rest.split_once(|c: char| c.is_whitespace())?;
    let rights = rest.split_once("S/U:").map_or(rest, |(_, rights)| rights);
    let rights = &rights[rights.find('(')? + 1..];
    let rights = &rights[..rights.find(')')?];
    let has = |right| rights.split(',').any(|it| it.trim() == right);
    let entry = PmpEntry {
        number: u8::try_from(number).ok()?,
        first: address(first.trim())?,
        last: address(last)?,
        read: has("R"),
        write: has("W"),
        execute: has("X"),
        is_locked: false,
    };
    Some((domain, entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGIONS: &str = "\
Domain0 Region00          : 0x0000000010000000-0x0000000010000fff M: (I,R,W) S/U: (R,W)
Domain0 Region01          : 0x0000000080040000-0x000000008005ffff M: (R,W) S/U: ()
Domain0 Region02          : 0x0000000000000000-0xffffffffffffffff M: () S/U: (R,W,X)
Domain1 Region00          : 0x0000000000000000-0xffffffffffffffff M: () S/U: (R)
";

    fn ranges(text: &str) -> Vec<(u8, u64, u64, String)> {
        let pmp = read(text, Xlen::Rv64).unwrap().pmp;
        let letters = |it: &PmpEntry| {
            let letter = |is_set, letter| if is_set { letter } else { "-" };
            [(it.read, "r"), (it.write, "w"), (it.execute, "x")]
                .map(|(is_set, name)| letter(is_set, name))
                .concat()
        };
        let entries = pmp.entries().iter();
        entries
            .map(|it| (it.number, it.first, it.last, letters(it)))
            .collect()
    }

    #[test]
    fn opensbis_regions_are_entries() {
        let found = ranges(REGIONS);
        assert_eq!(found[0], (0, 0x1000_0000, 0x1000_0fff, "rw-".to_owned()));
        assert_eq!(found[1], (1, 0x8004_0000, 0x8005_ffff, "---".to_owned()));
        assert_eq!(found[2], (2, 0, u64::MAX, "rwx".to_owned()));
        let notes = read(REGIONS, Xlen::Rv64).unwrap().notes;
        assert!(notes[1].starts_with("1 more regions"), "{notes:?}");
    }

    #[test]
    fn older_forms_of_opensbi_are_read_too() {
        let text = "PMP0    : 0x0000000080000000-0x000000008001ffff (A)\r\n\
                    PMP1    : 0x0000000000000000-0xffffffffffffffff (A,R,W,X)\r\n";
        assert_eq!(ranges(text)[0].3, "---");
        assert_eq!(ranges(text)[1].3, "rwx");
        let text = "Domain0 Region00 : 0x80000000-0x8001ffff ()\n\
                    Domain0 Region01 : 0x00000000-0xffffffff (R,W,X)\n";
        assert_eq!(
            ranges(text)[0],
            (0, 0x8000_0000, 0x8001_ffff, "---".to_owned())
        );
    }

    #[test]
    fn registers_are_read_in_any_spelling() {
        let wanted = vec![
            (0, 0x8000_0000, 0x8003_ffff, "---".to_owned()),
            (1, 0, (1 << 57) - 1, "rwx".to_owned()),
        ];
        for text in [
            "pmpcfg0=0x1f18 pmpaddr0=0x20007fff pmpaddr1=0xffffffffffffffff",
            "CSR_PMPCFG0=0x1f18 csr_pmpaddr0=0x20007fff csr_pmpaddr1=0xffffffffffffffff",
            "PMPCFG0: 1F18, PMPADDR0: 20007FFF, PMPADDR1: ffffffffffffffff",
            "pmpcfg0        0x1f18\t7960\npmpaddr0       0x20007fff 536903679\npmpaddr1 \
             0xffffffffffffffff -1",
            "(4000) pmpcfg0 (/64): 0x0000000000001f18\n(4016) pmpaddr0 (/64): \
             0x0000000020007fff\n(4017) pmpaddr1 (/64): 0xffffffffffffffff",
            "{\"pmpcfg0\": \"0x1f18\", \"pmpaddr0\": \"0x20007fff\", \"pmpaddr1\": \
             \"0xffffffffffffffff\"}",
            "| pmpcfg0 | 0x1f18 |\n| pmpaddr0 | 0x20007fff |\n| pmpaddr1 | 0xffffffffffffffff |",
        ] {
            assert_eq!(ranges(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        assert_eq!(read("", Xlen::Rv64), Err(PmpTextError::Nothing));
        assert_eq!(
            read("pmpcfg0 and pmpaddr0", Xlen::Rv64),
            Err(PmpTextError::Nothing)
        );
        assert_eq!(
            read("mseccfg=0x7 pmpcfg0=0x9f", Xlen::Rv64),
            Err(PmpTextError::Smepmp(7))
        );
        assert!(read("mseccfg=0 pmpcfg0=0", Xlen::Rv64).is_ok());
        assert!(matches!(
            read("pmpcfg1=0x1f", Xlen::Rv64),
            Err(PmpTextError::Registers(_))
        ));
    }
}
