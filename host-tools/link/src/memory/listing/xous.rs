//! The memory map that the Xous kernel prints for a process.
//!
//! ```text
//! Memory Maps for PID 2:
//!      384 Superpage for 60000000 @ 400a1000 (flags: VALID)
//!           38 60026000 -> 400a3000 (flags: VALID | R | W | USER | A | D)
//! ```
//! Flags are names, or the number of the bits. The kernel is one of Sv32.

use pagetable::{Mode, Pte};

use super::printed::{PrintedRange, PrintedSpace, hex};

/// A space for each process.
pub(super) fn read(text: &str) -> Vec<PrintedSpace> {
    let mut spaces = vec![space(String::new())];
    for line in text.lines() {
        if let Some((_, pid)) = line.split_once("Memory Maps for PID ") {
            let pid = pid.trim_end().trim_end_matches(':');
            spaces.push(space(format!("PID {pid}")));
        } else if let (Some(range), Some(space)) = (range(line), spaces.last_mut()) {
            space.ranges.push(range);
        }
    }
    spaces.retain(|space| !space.is_empty());
    spaces
}

fn space(name: String) -> PrintedSpace {
    PrintedSpace {
        name,
        mode: Some(Mode::Sv32),
        is_32: true,
        ..PrintedSpace::default()
    }
}

fn range(line: &str) -> Option<PrintedRange> {
    let (place, flags) = line.split_once("(flags: ")?;
    let flags = bits(flags.rsplit_once(')')?.0)?;
    let is_leaf = flags & (Pte::READ | Pte::WRITE | Pte::EXEC) != 0;
    let words: Vec<&str> = place.split_whitespace().collect();
    let (va, pa, page) = match words[..] {
        [.., va, "->", pa] => (va, pa, 0x1000),
        // A pointer to a table says nothing that its entries do not.
        [.., "Superpage", "for", va, "@", pa] if is_leaf => (va, pa, 0x40_0000),
        _ => return None,
    };
    (flags & Pte::VALID != 0).then_some(PrintedRange {
        va: hex(va)?,
        pa: hex(pa)?,
        bytes: page,
        flags,
        page: Some(page),
    })
}

/// The bits of names, or of a number.
fn bits(flags: &str) -> Option<u64> {
    let flags = flags.trim_start_matches("MMUFlags(").trim_end_matches(')');
    if flags.bytes().any(|it| it.is_ascii_digit()) {
        return hex(flags.trim()).map(|bits| bits & 0x3ff);
    }
    let names = flags
        .split('|')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    names.map(bit).try_fold(0, |all, bit| Some(all | bit?))
}

fn bit(name: &str) -> Option<u64> {
    Some(match name {
        "NONE" => 0,
        "VALID" | "V" => Pte::VALID,
        "R" => Pte::READ,
        "W" => Pte::WRITE,
        "X" => Pte::EXEC,
        "USER" | "U" => Pte::USER,
        "GLOBAL" | "G" => Pte::GLOBAL,
        "A" => Pte::ACCESSED,
        "D" => Pte::DIRTY,
        // Shared, and once writable: the two bits for software.
        "S" => 1 << 8,
        "P" => 1 << 9,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_flags_are_read_and_pointers_are_not() {
        let text = "Memory Maps for PID 2:\n     384 Superpage for 60000000 @ 400a1000 (flags: VALID)\n\
                      38 60026000 -> 400a3000 (flags: VALID | R | W | USER | A | D | S)\n\
                      39 60027000 -> 400a4000 (flags: d7)\n";
        let [space] = &read(text)[..] else { panic!() };
        assert_eq!(space.name, "PID 2");
        let found: Vec<_> = space
            .ranges
            .iter()
            .map(|it| (it.va, it.pa, it.flags))
            .collect();
        assert_eq!(
            found,
            [
                (0x6002_6000, 0x400a_3000, 0x1d7),
                (0x6002_7000, 0x400a_4000, 0xd7)
            ]
        );
        assert!(read("38 60026000 -> 400a3000 (flags: SOMETHING)").is_empty());
        let bare = read("  38 60026000 -> 400a3000 (flags: VALID | X)");
        assert_eq!(bare[0].ranges[0].flags, 9);
    }
}
