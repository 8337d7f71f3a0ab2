//! Neighbouring pages that are mapped alike.

use pagetable::{Attributes, Leaf, Mapping, PhysAddr, Pte, VirtAddr};

/// A run of pages whose virtual and physical addresses both continue and that are
/// equal in everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first virtual address.
    pub va: VirtAddr,
    /// Where it is in memory.
    pub pa: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
    /// The first page's entry; all have its flags, RSW and memory attributes.
    pub leaf: Leaf,
}

impl Range {
    pub(super) fn new(mapping: &Mapping) -> Range {
        Range {
            va: mapping.va,
            pa: mapping.at,
            bytes: mapping.bytes,
            leaf: mapping.leaf,
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
fn look(leaf: &Leaf) -> (u64, u8, bool, Attributes) {
    const FLAGS: u64 = 0xff | Pte::RSW;
    (
        leaf.pte.raw() & FLAGS,
        leaf.level,
        leaf.is_napot,
        leaf.attributes,
    )
}
