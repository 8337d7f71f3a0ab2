//! Linux's page table dump, /sys/kernel/debug/kernel_page_tables.
//!
//! ```text
//! ---[ Linear mapping ]---
//! 0xffffffd800000000-0xffffffd800200000    0x0000000080000000         2M PMD     D A G . . W R V
//! 0xffffaf8000000000-0xffffaf8000001000    0x0000000080000000         4K PTE N   MT(NC) RSW(1) D A G . . W R V
//! ```
//! First and behind the last address, physical address, size, the level of the entries, flags. Source: Linux,
//! arch/riscv/mm/ptdump.c.

use pagetable::Pte;

use super::printed::{PrintedRange, PrintedSpace, flag, hex};

/// The ranges of all lines.
pub(super) fn read(text: &str) -> Vec<PrintedSpace> {
    // A top level of 1 GiB is Sv39's; the level's name alone does not say the mode.
    PrintedSpace::of_lines(text, range)
}

fn range(line: &str) -> Option<(PrintedRange, bool)> {
    let from = line.find("0x")?;
    let mut words = line[from..].split_whitespace();
    let (first, end) = words.next()?.split_once("-0x")?;
    let is_32 = first.len() == 10;
    let (va, pa) = (hex(first)?, hex(words.next()?.strip_prefix("0x")?)?);
    // Behind the last address of all, the end is 0.
    let bytes = match is_32 {
        true => (hex(end)?.wrapping_sub(va)) & 0xffff_ffff,
        false => hex(end)?.wrapping_sub(va),
    };
    words
        .next()?
        .strip_suffix(['K', 'M', 'G', 'T'])?
        .parse::<u64>()
        .ok()?;
    let page = page(words.next()?, is_32)?;
    let mut flags = 0;
    for word in words {
        flags |= bits(word)?;
    }
    let is_leaf = flags & Pte::VALID != 0 && flags & (Pte::READ | Pte::WRITE | Pte::EXEC) != 0;
    let page = match flags >> 63 {
        1 => 1 << 16,
        _ => page,
    };
    (is_leaf && bytes > 0).then_some((
        PrintedRange {
            va,
            pa,
            bytes,
            flags,
            page: Some(page),
        },
        is_32,
    ))
}

/// Bytes of a page at a level. The names are those of the kernel's five levels, of which the upper ones are
/// folded into PGD where the mode has fewer.
fn page(level: &str, is_32: bool) -> Option<u64> {
    Some(match level {
        "PTE" => 1 << 12,
        "PGD" if is_32 => 1 << 22,
        "PMD" => 1 << 21,
        "PUD" | "PGD" => 1 << 30,
        "P4D" => 1 << 39,
        _ => return None,
    })
}

/// The bits of one word: a letter, a dot for a flag that is not set, a memory type, bits for software.
fn bits(word: &str) -> Option<u64> {
    let inner = |name: &str| word.strip_prefix(name)?.strip_suffix(')');
    if let Some(memory) = inner("MT(") {
        return Some(match memory {
            "PMA" => 0,
            "NC" => 1 << 61,
            "IO" => 2 << 61,
            _ => return None,
        });
    }
    if let Some(software) = inner("RSW(") {
        return Some((software.parse::<u64>().ok()? & 3) << 8);
    }
    match word {
        "N" => Some(1 << 63),
        "." | ".." => Some(0),
        _ => word
            .chars()
            .next()
            .filter(|_| word.len() == 1)
            .and_then(flag),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_older_and_newer_kernels_are_read() {
        let text = "---[ Linear mapping ]---\n\
            0xffffffd800000000-0xffffffd800200000    0x0000000080000000         2M PMD     D A G . . W R V\n\
            [    9.1] 0xffffffd800200000-0xffffffd800201000    0x0000000010000000         4K PTE .  MT(IO)   ..    D A G . . W R V\n\
            0xffffffd800210000-0xffffffd800220000    0x0000000080310000        64K PTE N   ..   RSW(1)   D A G . . W R V\n";
        let [space] = &read(text)[..] else { panic!() };
        let found: Vec<_> = space
            .ranges
            .iter()
            .map(|it| (it.bytes, it.flags, it.page))
            .collect();
        let io = 2 << 61 | 0xe7;
        let napot = 1 << 63 | 1 << 8 | 0xe7;
        assert_eq!(
            found,
            [
                (0x20_0000, 0xe7, Some(0x20_0000)),
                (0x1000, io, Some(0x1000)),
                (0x1_0000, napot, Some(0x1_0000)),
            ]
        );
        assert!(read("0x80000000-0x80001000 0x1000 4K PTE Q V").is_empty());
    }
}
