//! An entry of a page table.
//!
//! ```text
//! Sv32           31 …… PPN …… 10   9 8   7 6 5 4 3 2 1 0
//! Sv39–57  63 … 54   53 … PPN 10   RSW   D A G U X W R V     Privileged spec, §Sv32, §Sv39
//! ```

use crate::{Dialect, MemoryType, Mode, PhysAddr};

/// A raw entry; [`Pte::decode`] checks it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(transparent)]
pub struct Pte(u64);

impl Pte {
    /// V: the entry is valid.
    pub const VALID: u64 = 1 << 0;
    /// R: loads are permitted.
    pub const READ: u64 = 1 << 1;
    /// W: stores are permitted; reserved without R.
    pub const WRITE: u64 = 1 << 2;
    /// X: fetches are permitted.
    pub const EXEC: u64 = 1 << 3;
    /// U: accessible to user mode.
    pub const USER: u64 = 1 << 4;
    /// G: global, the same in every address space.
    pub const GLOBAL: u64 = 1 << 5;
    /// A: accessed since it was last cleared.
    pub const ACCESSED: u64 = 1 << 6;
    /// D: written since it was last cleared.
    pub const DIRTY: u64 = 1 << 7;
    /// RSW: two bits for software, ignored by the MMU.
    pub const RSW: u64 = 0b11 << RSW_SHIFT;

    /// The invalid entry 0.
    pub const EMPTY: Pte = Pte(0);

    /// The entry with this raw value.
    #[inline]
    pub const fn new(raw: u64) -> Pte {
        Pte(raw)
    }

    /// The raw value.
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// A leaf that maps the page at `at` with `flags`: permission bits, and the dialect's [`Dialect::bits`].
    /// V is set. Address bits beyond the mode's PPN field are lost.
    #[inline]
    pub const fn leaf(mode: Mode, at: PhysAddr, flags: u64) -> Pte {
        Pte(ppn_field(mode, at) | flags | Pte::VALID)
    }

    /// A leaf as from [`Pte::leaf`], for a memory type.
    #[inline]
    pub const fn leaf_of(
        mode: Mode,
        at: PhysAddr,
        flags: u64,
        dialect: Dialect,
        memory: MemoryType,
    ) -> Pte {
        Pte::leaf(mode, at, flags | dialect.bits(memory))
    }

    /// A pointer to the table at `at`, with V set.
    #[inline]
    pub const fn pointer(mode: Mode, at: PhysAddr) -> Pte {
        Pte(ppn_field(mode, at) | Pte::VALID)
    }

    /// Whether V is set, in a pointer or a leaf.
    #[inline]
    pub const fn is_valid(self) -> bool {
        self.0 & Pte::VALID != 0
    }

    /// Whether V is set and any of R, W, X: not a pointer.
    #[inline]
    pub const fn is_leaf(self) -> bool {
        self.is_valid() && self.0 & (Pte::READ | Pte::WRITE | Pte::EXEC) != 0
    }

    /// Whether V is set and none of R, W, X.
    #[inline]
    pub const fn is_pointer(self) -> bool {
        self.0 & (Pte::VALID | Pte::READ | Pte::WRITE | Pte::EXEC) == Pte::VALID
    }

    /// Whether all bits of `flags` are set.
    #[inline]
    pub const fn has(self, flags: u64) -> bool {
        self.0 & flags == flags
    }

    /// This entry with the bits of `flags` set.
    #[inline]
    pub const fn with(self, flags: u64) -> Pte {
        Pte(self.0 | flags)
    }

    /// This entry with the bits of `flags` clear.
    #[inline]
    pub const fn without(self, flags: u64) -> Pte {
        Pte(self.0 & !flags)
    }

    /// The PPN field, of the mode's width.
    #[inline]
    pub const fn ppn(self, mode: Mode) -> u64 {
        (self.0 >> PPN_SHIFT) & ((1 << mode.ppn_bits()) - 1)
    }

    /// The address in the PPN field: of a table or of a page.
    #[inline]
    pub const fn target(self, mode: Mode) -> PhysAddr {
        PhysAddr::from_frame(self.ppn(mode))
    }

    /// The value of RSW, 0 to 3.
    #[inline]
    pub const fn rsw(self) -> u8 {
        ((self.0 & Pte::RSW) >> RSW_SHIFT) as u8
    }

    /// The flags as text: `rwxugad`, with `-` for a clear bit.
    pub const fn flags(self) -> Flags {
        Flags(self)
    }
}

const RSW_SHIFT: u32 = 8;
const PPN_SHIFT: u32 = 10;

#[inline]
const fn ppn_field(mode: Mode, at: PhysAddr) -> u64 {
    (at.frame() & ((1 << mode.ppn_bits()) - 1)) << PPN_SHIFT
}

impl core::fmt::Debug for Pte {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Pte({:#x})", self.0)
    }
}

impl core::fmt::LowerHex for Pte {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::LowerHex::fmt(&self.0, f)
    }
}

/// Seven letters for seven bits; see [`Pte::flags`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(Pte);

impl Flags {
    /// The letters as ASCII, for callers without a formatter.
    pub const fn letters(self) -> [u8; 7] {
        let mut letters = *b"rwxugad";
        let mut bit = 0;
        while bit < letters.len() {
            if self.0.0 >> (bit + 1) & 1 == 0 {
                letters[bit] = b'-';
            }
            bit += 1;
        }
        letters
    }
}

impl core::fmt::Display for Flags {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let letters = self.letters();
        f.pad(core::str::from_utf8(&letters).unwrap_or("???????"))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn addresses_survive_in_every_mode() {
        for mode in Mode::ALL {
            let last = PhysAddr::new((1 << mode.pa_bits()) - 4096);
            assert_eq!(Pte::leaf(mode, last, Pte::READ).target(mode), last);
            assert_eq!(Pte::pointer(mode, last).target(mode), last);
        }
        assert_eq!(
            Pte::new(0xffff_ffff).target(Mode::Sv32),
            PhysAddr::new(0x3_ffff_f000)
        );
    }

    #[test]
    fn what_does_not_fit_is_cut_off_not_spilled() {
        let wild = PhysAddr::new(u64::MAX);
        for mode in Mode::ALL {
            let pte = Pte::pointer(mode, wild);
            assert!(pte.is_pointer() && pte.raw() >> (10 + mode.ppn_bits()) == 0);
        }
    }

    #[test]
    fn letters_show_every_bit() {
        assert_eq!(Pte::new(0xff).flags().to_string(), "rwxugad");
        assert_eq!(Pte::new(0x01).flags().to_string(), "-------");
        assert_eq!(Pte::new(0xcb).flags().to_string(), "r-x--ad");
    }
}
