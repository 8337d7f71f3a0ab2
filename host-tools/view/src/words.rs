//! Formatting of values, shared by all views.

use std::fmt;
use std::io::{self, Write};

pub use model::counted;
use pagetable::{Attributes, Mode, PhysAddr, Pte, Satp, Step, VirtAddr};

/// A byte count in the largest unit that divides it: `4KiB`, `1028KiB`.
#[derive(Clone, Copy)]
pub struct ExactSize(pub u64);

impl fmt::Display for ExactSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let divisions = (self.0.trailing_zeros() / 10).min(6) * u32::from(self.0 != 0);
        let count = self.0 >> (divisions * 10);
        f.pad(&format!("{count}{}", UNITS[divisions as usize]))
    }
}

/// A byte count with three significant digits and a unit.
#[derive(Clone, Copy)]
pub struct RoundSize(pub u128);

impl fmt::Display for RoundSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let mut count = self.0 as f64;
        let mut unit = 0;
        while count >= 1000.0 && unit + 1 < UNITS.len() {
            count /= 1024.0;
            unit += 1;
        }
        let places = match count {
            _ if count.fract() == 0.0 => 0,
            _ if count < 10.0 => 2,
            _ if count < 100.0 => 1,
            _ => 0,
        };
        f.pad(&format!("{count:.places$}{}", UNITS[unit]))
    }
}

/// The warning about tables that were read past the hart's caches.
pub const STALE: &str =
    "possibly stale: read through the system bus, which need not see the hart's cache";

/// Writes [`STALE`] as a line, if it applies.
pub(crate) fn staleness(out: &mut dyn Write, is_possibly_stale: bool) -> io::Result<()> {
    match is_possibly_stale {
        true => writeln!(out, "{STALE}"),
        false => Ok(()),
    }
}

/// A virtual address, padded to the digits of its mode.
pub fn va(mode: Mode, at: VirtAddr) -> String {
    match mode {
        Mode::Sv32 => format!("{at:#010x}"),
        _ => format!("{at:#018x}"),
    }
}

/// A physical address, padded to the digits of its mode.
pub fn pa(mode: Mode, at: PhysAddr) -> String {
    match mode {
        Mode::Sv32 => format!("{at:#011x}"),
        _ => format!("{at:#018x}"),
    }
}

/// An entry, padded to its width.
pub fn pte(mode: Mode, raw: u64) -> String {
    match mode {
        Mode::Sv32 => format!("{raw:#010x}"),
        _ => format!("{raw:#018x}"),
    }
}

/// A step of a walk as cells: level, index, address of the entry, entry, flags. Empty where the entry is not in memory.
pub fn step(mode: Mode, step: &Step) -> [String; 5] {
    let entry = step.entry;
    [
        step.level.to_string(),
        step.index.to_string(),
        pa(mode, step.at),
        entry.map_or_else(String::new, |it| pte(mode, it.raw())),
        entry.map_or_else(String::new, |it| it.flags().to_string()),
    ]
}

/// Memory attributes as letters; empty for the platform's default.
pub fn attributes(attributes: Attributes) -> String {
    match attributes {
        Attributes::Pbmt(pagetable::Pbmt::Pma) => String::new(),
        Attributes::Pbmt(pbmt) => pbmt.name().to_owned(),
        Attributes::THead(bits) => bits.to_string(),
    }
}

/// The value of `satp` and its fields on one line.
pub fn satp(satp: Satp) -> String {
    format!(
        "satp {:#x}: {}, asid {}, root {}",
        satp.encode(satp.mode.xlen()),
        satp.mode.name(),
        satp.asid,
        satp.root
    )
}

/// Replaces control characters, so that text of a board cannot send escape sequences to a terminal.
pub fn printable(text: &str) -> String {
    let shown = text.chars();
    shown
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// The RSW bits; empty if both are clear.
pub fn rsw(pte: Pte) -> String {
    match pte.rsw() {
        0 => String::new(),
        rsw => rsw.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_exact() {
        let sizes = [0, 1, 4096, 65536, (1 << 20) + 4096, 1 << 30, 1 << 63];
        let words = sizes.map(|bytes| ExactSize(bytes).to_string());
        assert_eq!(
            words,
            ["0B", "1B", "4KiB", "64KiB", "1028KiB", "1GiB", "8EiB"]
        );
    }

    #[test]
    fn abouts_have_three_digits() {
        let sizes = [0u128, 999, 1000, 594_124_800, 1 << 40, 1536 << 10];
        let words = sizes.map(|bytes| RoundSize(bytes).to_string());
        assert_eq!(
            words,
            ["0B", "999B", "0.98KiB", "567MiB", "1TiB", "1.50MiB"]
        );
    }
}
