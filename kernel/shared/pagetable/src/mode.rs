//! The paging modes, as a table of numbers.

use crate::{PAGE_SHIFT, VirtAddr, Xlen};

/// Address translation mode of `satp`: Privileged spec, §Sv32 to §Sv57.
///
/// Levels are numbered as in the Privileged spec: 0 holds 4 KiB leaves, the root is the highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// No translation: virtual addresses are physical ones.
    Bare,
    /// RV32: 2 levels of 1024 entries of 4 bytes.
    Sv32,
    /// RV64: 3 levels of 512 entries of 8 bytes.
    Sv39,
    /// RV64: 4 levels of 512 entries of 8 bytes.
    Sv48,
    /// RV64: 5 levels of 512 entries of 8 bytes.
    Sv57,
}

/// The parameters of a mode: Privileged spec, §Sv32 to §Sv57.
struct Row {
    name: &'static str,
    levels: u8,
    entry_bytes: usize,
    index_bits: u32,
    va_bits: u32,
    pa_bits: u32,
    ppn_bits: u32,
    xlen: Xlen,
}

const fn row64(name: &'static str, levels: u8) -> Row {
    Row {
        name,
        levels,
        entry_bytes: 8,
        index_bits: 9,
        va_bits: PAGE_SHIFT + 9 * levels as u32,
        pa_bits: 56,
        ppn_bits: 44,
        xlen: Xlen::Rv64,
    }
}

/// In the order of [`Mode`].
const ROWS: [Row; 5] = [
    Row {
        va_bits: 64,
        pa_bits: 64,
        ..row64("bare", 0)
    },
    Row {
        entry_bytes: 4,
        index_bits: 10,
        va_bits: 32,
        pa_bits: 34,
        ppn_bits: 22,
        xlen: Xlen::Rv32,
        ..row64("sv32", 2)
    },
    row64("sv39", 3),
    row64("sv48", 4),
    row64("sv57", 5),
];

impl Mode {
    /// Every mode with tables.
    pub const ALL: [Mode; 4] = [Mode::Sv32, Mode::Sv39, Mode::Sv48, Mode::Sv57];
    /// Largest number of levels of any mode.
    pub const MOST_LEVELS: usize = 5;

    #[inline]
    const fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// Number of levels; 0 for Bare.
    #[inline]
    pub const fn levels(self) -> u8 {
        self.row().levels
    }

    /// Level of the root table; 0 for Bare, which has none.
    #[inline]
    pub const fn root_level(self) -> u8 {
        self.levels().saturating_sub(1)
    }

    /// Size of an entry in bytes: 4 or 8.
    #[inline]
    pub const fn entry_bytes(self) -> usize {
        self.row().entry_bytes
    }

    /// Number of virtual address bits that index a table.
    #[inline]
    pub const fn index_bits(self) -> u32 {
        self.row().index_bits
    }

    /// Number of entries in a table.
    #[inline]
    pub const fn entries(self) -> usize {
        1 << self.index_bits()
    }

    /// Number of translated virtual address bits; for Bare, all of them.
    #[inline]
    pub const fn va_bits(self) -> u32 {
        self.row().va_bits
    }

    /// Number of physical address bits.
    #[inline]
    pub const fn pa_bits(self) -> u32 {
        self.row().pa_bits
    }

    /// Width of an entry's PPN field in bits.
    #[inline]
    pub const fn ppn_bits(self) -> u32 {
        self.row().ppn_bits
    }

    /// Register width of the harts with this mode.
    #[inline]
    pub const fn xlen(self) -> Xlen {
        self.row().xlen
    }

    /// Index of the entry for `va` in a table at `level`.
    #[inline]
    pub const fn index(self, va: VirtAddr, level: u8) -> usize {
        (va.raw() >> self.leaf_shift(level)) as usize & (self.entries() - 1)
    }

    /// log2 of [`Mode::leaf_bytes`].
    #[inline]
    pub const fn leaf_shift(self, level: u8) -> u32 {
        PAGE_SHIFT + self.index_bits() * level as u32
    }

    /// Bytes mapped by a leaf at `level`.
    #[inline]
    pub const fn leaf_bytes(self, level: u8) -> u64 {
        1 << self.leaf_shift(level)
    }

    /// Whether `va` is canonical: under Sv39 and up, all bits above the translated ones must repeat the
    /// highest of them; under Sv32, there is no bit above 31. Privileged spec, §Sv39 "Addressing and Memory
    /// Protection".
    #[inline]
    pub const fn canonical(self, va: VirtAddr) -> bool {
        va.raw() == self.sign_extend(va.raw()).raw()
    }

    /// The canonical address with the translated bits of `raw`.
    #[inline]
    pub const fn sign_extend(self, raw: u64) -> VirtAddr {
        match self {
            Mode::Bare => VirtAddr::new(raw),
            Mode::Sv32 => VirtAddr::new(raw & 0xffff_ffff),
            _ => {
                let unused = 64 - self.va_bits();
                VirtAddr::new((((raw << unused) as i64) >> unused) as u64)
            }
        }
    }

    /// The name in board files, options and JSON.
    pub const fn name(self) -> &'static str {
        self.row().name
    }

    /// Parses the name in board files and options.
    pub fn from_name(name: &str) -> Option<Mode> {
        [Mode::Bare]
            .into_iter()
            .chain(Mode::ALL)
            .find(|mode| mode.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_says_the_address_bits() {
        for mode in Mode::ALL {
            assert_eq!(mode.name()[2..].parse(), Ok(mode.va_bits()));
            assert_eq!(Mode::from_name(mode.name()), Some(mode));
            assert_eq!(mode.entries() * mode.entry_bytes(), 4096);
        }
    }

    #[test]
    fn indexes_rebuild_the_address() {
        for mode in Mode::ALL {
            let va = mode.sign_extend(0xdead_beef_cafe_f123);
            assert!(mode.canonical(va));
            let rebuilt = (0..mode.levels()).fold(va.offset(4096), |sum, level| {
                sum | (mode.index(va, level) as u64) << mode.leaf_shift(level)
            });
            assert_eq!(mode.sign_extend(rebuilt), va);
        }
    }

    #[test]
    fn the_hole_between_the_halves_is_refused() {
        assert!(Mode::Sv39.canonical(VirtAddr::new(0x3f_ffff_ffff)));
        assert!(!Mode::Sv39.canonical(VirtAddr::new(0x40_0000_0000)));
        assert!(!Mode::Sv39.canonical(VirtAddr::new(0xffff_ffbf_ffff_ffff)));
        assert!(Mode::Sv39.canonical(VirtAddr::new(0xffff_ffc0_0000_0000)));
        assert!(!Mode::Sv32.canonical(VirtAddr::new(0x1_0000_0000)));
        assert!(Mode::Sv32.canonical(VirtAddr::new(0xffff_ffff)));
        assert!(Mode::Bare.canonical(VirtAddr::new(u64::MAX)));
    }
}
