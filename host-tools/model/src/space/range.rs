//! Neighbouring pages that are mapped alike.

use pagetable::{Attributes, Leaf, Mapping, PhysAddr, Pte, VirtAddr};

/// A run of pages whose virtual and physical addresses both continue and that are
/// equal in everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedRange {
    /// The first virtual address.
    pub va: VirtAddr,
    /// Where it is in memory.
    pub pa: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
    /// The first page's entry; all have its flags, RSW and memory attributes.
    pub leaf: Leaf,
    /// In how many pieces it lies in memory: 1, unless joined by `super::AddressSpace::join_va`.
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

    /// Takes the mapping in if it continues this range.
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

    /// Takes the next range in if it continues this one.
    pub(crate) fn join_range(&mut self, next: &MappedRange) -> bool {
        let continues = self.va.wrapping_add(self.bytes) == next.va
            && self.pa.wrapping_add(self.bytes) == next.pa
            && look(&self.leaf) == look(&next.leaf);
        if continues {
            self.bytes += next.bytes;
        }
        continues
    }

    /// Takes the next range in if its virtual addresses continue this one's, and it is equal in
    /// all but where it lies.
    pub(super) fn join_va(&mut self, next: &MappedRange) -> bool {
        let continues =
            self.va.wrapping_add(self.bytes) == next.va && look(&self.leaf) == look(&next.leaf);
        if continues {
            self.bytes += next.bytes;
            self.pieces = self.pieces.saturating_add(next.pieces);
        }
        continues
    }

    /// The last virtual address.
    pub fn last_va(&self) -> VirtAddr {
        self.va.wrapping_add(self.bytes - 1)
    }

    /// Where an address of this range lies in memory, if the range lies there in one piece.
    pub fn at(&self, va: VirtAddr) -> Option<PhysAddr> {
        let into = va.raw().wrapping_sub(self.va.raw());
        (self.pieces == 1 && into < self.bytes).then(|| self.pa.wrapping_add(into))
    }

    /// How many entries map it.
    pub fn entries(&self) -> u64 {
        let pages = if self.leaf.is_napot { 16 } else { 1 };
        self.bytes.div_ceil(self.leaf.page_bytes / pages)
    }

    /// The flags of every page.
    pub fn flags(&self) -> Pte {
        self.leaf.pte
    }

    /// The memory attributes of every page.
    pub fn attributes(&self) -> Attributes {
        self.leaf.attributes
    }
}

/// All that must be equal.
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
