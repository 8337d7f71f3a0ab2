//! Decoding of an entry at a level, or the reason the MMU rejects it.

use crate::{Attributes, Dialect, Mode, Pbmt, PhysAddr, Pte, VirtAddr};

/// Why the MMU rejects an entry, or a walk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// V is clear.
    NotValid,
    /// W without R: reserved.
    WriteWithoutRead,
    /// A bit that must be zero is set.
    ReservedBits,
    /// A pointer with U, A or D: reserved.
    PointerWithUad,
    /// A pointer with Svnapot's N: reserved.
    NapotOnPointer,
    /// A pointer with Svpbmt's field not zero: reserved.
    PbmtOnPointer,
    /// A pointer at level 0, where only leaves are valid.
    PointerAtLevelZero,
    /// A leaf above level 0 whose page is not aligned to its size.
    MisalignedSuperpage,
    /// PBMT is 3: reserved.
    PbmtReserved,
    /// N on a leaf above level 0: reserved.
    NapotSuperpage,
    /// N with PPN bits 3–0 other than 1000 (64 KiB): reserved.
    NapotEncoding,
    /// The upper bits of the virtual address are not the sign extension.
    NonCanonical,
    /// The table is outside of memory.
    NoMemory,
}

impl Refusal {
    /// Every reason, in the order of definition.
    pub const ALL: [Refusal; 13] = [
        Refusal::NotValid,
        Refusal::WriteWithoutRead,
        Refusal::ReservedBits,
        Refusal::PointerWithUad,
        Refusal::NapotOnPointer,
        Refusal::PbmtOnPointer,
        Refusal::PointerAtLevelZero,
        Refusal::MisalignedSuperpage,
        Refusal::PbmtReserved,
        Refusal::NapotSuperpage,
        Refusal::NapotEncoding,
        Refusal::NonCanonical,
        Refusal::NoMemory,
    ];

    /// The reason as text.
    pub const fn text(self) -> &'static str {
        match self {
            Refusal::NotValid => "not valid (V=0)",
            Refusal::WriteWithoutRead => "W without R is reserved",
            Refusal::ReservedBits => "reserved bits are set",
            Refusal::PointerWithUad => "pointer with U, A or D set is reserved",
            Refusal::NapotOnPointer => "pointer with N set is reserved",
            Refusal::PbmtOnPointer => "pointer with PBMT set is reserved",
            Refusal::PointerAtLevelZero => "pointer at level 0",
            Refusal::MisalignedSuperpage => "misaligned superpage",
            Refusal::PbmtReserved => "PBMT=3 is reserved",
            Refusal::NapotSuperpage => "N above level 0 is reserved",
            Refusal::NapotEncoding => "N with a size other than 64KiB is reserved",
            Refusal::NonCanonical => "address is not canonical",
            Refusal::NoMemory => "table lies outside memory",
        }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.text())
    }
}

/// A leaf that the MMU accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// The entry as read.
    pub pte: Pte,
    /// Level of its table.
    pub level: u8,
    /// Physical address of its page.
    pub base: PhysAddr,
    /// Size of its page in bytes: the level's, or 64 KiB under Svnapot.
    pub page_bytes: u64,
    /// Whether Svnapot combines 16 entries to one page.
    pub is_napot: bool,
    /// Memory attributes, in the dialect of the walk.
    pub attributes: Attributes,
}

impl Leaf {
    /// Translates `va` through this leaf.
    #[inline]
    pub const fn at(&self, va: VirtAddr) -> PhysAddr {
        PhysAddr::new(self.base.raw() | va.offset(self.page_bytes))
    }
}

/// A decoded entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// Points to the table of the next lower level.
    Pointer(PhysAddr),
    /// Ends the walk with a page.
    Leaf(Leaf),
    /// Ends the walk with a page fault.
    Refused(Refusal),
}

const NAPOT_PAGES: u64 = 16;

impl Pte {
    /// Decodes this entry at `level` of a `mode` table: Privileged spec, "Virtual Address Translation
    /// Process", steps 3 to 8.
    #[inline]
    pub const fn decode(self, mode: Mode, level: u8, dialect: Dialect) -> Entry {
        if !self.is_valid() {
            return Entry::Refused(Refusal::NotValid);
        }
        if self.raw() & (Pte::READ | Pte::WRITE) == Pte::WRITE {
            return Entry::Refused(Refusal::WriteWithoutRead);
        }
        // Sv32 entries end with the PPN: bits above it cannot come from memory.
        let (reserved, napot, pbmt) = match mode {
            Mode::Sv32 => (0xffff_ffff << 32, 0, 0),
            _ => (
                dialect.reserved_bits(),
                dialect.napot_bit(),
                dialect.pbmt_bits(),
            ),
        };
        if self.raw() & reserved != 0 {
            return Entry::Refused(Refusal::ReservedBits);
        }
        if self.is_pointer() {
            return self.decode_pointer(mode, level, napot, pbmt);
        }
        let attributes = match mode {
            Mode::Sv32 => Attributes::Pbmt(Pbmt::Pma),
            _ => dialect.attributes(self.raw()),
        };
        if let Attributes::Pbmt(Pbmt::Reserved) = attributes {
            return Entry::Refused(Refusal::PbmtReserved);
        }
        let is_napot = self.raw() & napot != 0;
        let mut base = self.target(mode);
        let mut page_bytes = mode.leaf_bytes(level);
        if is_napot {
            if level != 0 {
                return Entry::Refused(Refusal::NapotSuperpage);
            }
            if base.frame() % NAPOT_PAGES != NAPOT_PAGES / 2 {
                return Entry::Refused(Refusal::NapotEncoding);
            }
            page_bytes *= NAPOT_PAGES;
            base = base.align_down(page_bytes);
        } else if !base.is_aligned(page_bytes) {
            return Entry::Refused(Refusal::MisalignedSuperpage);
        }
        Entry::Leaf(Leaf {
            pte: self,
            level,
            base,
            page_bytes,
            is_napot,
            attributes,
        })
    }

    #[inline]
    const fn decode_pointer(self, mode: Mode, level: u8, napot: u64, pbmt: u64) -> Entry {
        if self.raw() & napot != 0 {
            return Entry::Refused(Refusal::NapotOnPointer);
        }
        if self.raw() & pbmt != 0 {
            return Entry::Refused(Refusal::PbmtOnPointer);
        }
        if self.raw() & (Pte::USER | Pte::ACCESSED | Pte::DIRTY) != 0 {
            return Entry::Refused(Refusal::PointerWithUad);
        }
        if level == 0 {
            return Entry::Refused(Refusal::PointerAtLevelZero);
        }
        Entry::Pointer(self.target(mode))
    }
}
