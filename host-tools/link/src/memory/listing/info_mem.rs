//! QEMU's monitor command `info mem`.
//!
//! ```text
//! vaddr            paddr            size             attr
//! ---------------- ---------------- ---------------- -------
//! 0000000000010000 0000000080338000 0000000000004000 r-xu-a-
//! ```
//! Under RV32 addresses and sizes have eight digits. Neighbours with equal attributes are one line, whatever the
//! sizes of their pages. Source: QEMU 10, target/riscv/monitor.c.

use super::printed::{PrintedRange, PrintedSpace, hex, letters};

/// The ranges of all lines; the list may have been printed more than once.
pub(super) fn read(text: &str) -> Vec<PrintedSpace> {
    PrintedSpace::of_lines(text, range)
}

fn range(line: &str) -> Option<(PrintedRange, bool)> {
    let mut words = line.split_whitespace().rev();
    let [attr, size, pa, va] = [words.next()?, words.next()?, words.next()?, words.next()?];
    let is_32 = va.len() == 8;
    let is_wide = va.len() == 16 && pa.len() == 16;
    if size.len() != va.len() || !(is_32 || is_wide) {
        return None;
    }
    let range = PrintedRange {
        va: hex(va)?,
        pa: hex(pa)?,
        bytes: hex(size)?,
        flags: letters(attr)?,
        page: None,
    };
    Some((range, is_32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_widths_are_read_and_headings_are_none() {
        let text = "(qemu) info mem\nvaddr            paddr            size             attr\n\
                    ---------------- ---------------- ---------------- -------\n\
                    0000000000010000 0000000080338000 0000000000004000 r-xu-a-\n";
        let [space] = &read(text)[..] else { panic!() };
        let range = space.ranges[0];
        assert_eq!(
            (range.va, range.pa, range.bytes),
            (0x10000, 0x8033_8000, 0x4000)
        );
        assert_eq!((range.flags, space.is_32), (0x5a, false));
        let narrow = read("00010000 0000000080532000 00003000 r-xu-a-\n");
        assert!(narrow[0].is_32);
        for other in [
            "00010000 80532000 00003000",
            "0000000000010000 0000000080338000 0000000000004000 r-xu-aq",
            "",
        ] {
            assert!(read(other).is_empty(), "{other}");
        }
    }
}
