//! Neighbouring pages with equal mappings.

use pagetable::{Attributes, Leaf, Mapping, PhysAddr, Pte, VirtAddr};

/// A run of pages that is contiguous in virtual and physical addresses and equal in everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedRange {
    /// First virtual address.
    pub va: VirtAddr,
    /// Physical address of `va`.
    pub pa: PhysAddr,
    /// Length in bytes.
    pub bytes: u64,
    /// Leaf entry of the first page; flags, RSW and memory attributes are the same for all.
    pub leaf: Leaf,
    /// Number of physically contiguous pieces: 1, unless joined by `super::AddressSpace::join_va`.
    pub pieces: u32,
}

impl MappedRange {
    pub(crate) fn new(mapping: &Mapping) -> MappedRange {
        MappedRange {
            va: mapping.va,
            pa: mapping.at,
            bytes: mapping.bytes,
            leaf: mapping.leaf,
            pieces: 1,
        }
    }

    /// Extends the range by a mapping that continues it; false if it does not.
    #[inline]
    pub(super) fn join(&mut self, mapping: &Mapping) -> bool {
        let continues = self.va.wrapping_add(self.bytes) == mapping.va
            && self.pa.wrapping_add(self.bytes) == mapping.at
            && look(&self.leaf) == look(&mapping.leaf);
        if continues {
            self.bytes += mapping.bytes;
        }
        continues
    }

    /// Extends the range by a range that continues it; false if it does not.
    pub(crate) fn join_range(&mut self, next: &MappedRange) -> bool {
        let continues = self.va.wrapping_add(self.bytes) == next.va
            && self.pa.wrapping_add(self.bytes) == next.pa
            && look(&self.leaf) == look(&next.leaf);
        if continues {
            self.bytes += next.bytes;
        }
        continues
    }

    /// Extends the range by one that continues its virtual addresses and is equal except for the physical
    /// address.
    pub(super) fn join_va(&mut self, next: &MappedRange) -> bool {
        let continues =
            self.va.wrapping_add(self.bytes) == next.va && look(&self.leaf) == look(&next.leaf);
        if continues {
            self.bytes += next.bytes;
            self.pieces = self.pieces.saturating_add(next.pieces);
        }
        continues
    }

    /// Last virtual address, included.
    pub fn last_va(&self) -> VirtAddr {
        self.va.wrapping_add(self.bytes - 1)
    }

    /// Physical address of `va`, if the range contains it and is physically contiguous.
    pub fn at(&self, va: VirtAddr) -> Option<PhysAddr> {
        let into = va.raw().wrapping_sub(self.va.raw());
        (self.pieces == 1 && into < self.bytes).then(|| self.pa.wrapping_add(into))
    }

    /// Number of entries that map it.
    pub fn entries(&self) -> u64 {
        let pages = if self.leaf.is_napot { 16 } else { 1 };
        self.bytes.div_ceil(self.leaf.page_bytes / pages)
    }

    /// Flags of every page.
    pub fn flags(&self) -> Pte {
        self.leaf.pte
    }

    /// Memory attributes of every page.
    pub fn attributes(&self) -> Attributes {
        self.leaf.attributes
    }
}

/// The properties that must be equal.
#[inline]
pub(super) fn look(leaf: &Leaf) -> (u64, u8, bool, Attributes) {
    const FLAGS: u64 = 0xff | Pte::RSW;
    (
        leaf.pte.raw() & FLAGS,
        leaf.level,
        leaf.is_napot,
        leaf.attributes,
    )
}
