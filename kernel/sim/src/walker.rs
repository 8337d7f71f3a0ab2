//! The walk from a root to a leaf, as a hart does it.

use pagetable::{Entry, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};

use crate::cache::Cache;
use crate::quirks::Quirks;
use crate::ram::SimRam;

/// The state that a walk reads.
pub struct Walker<'a> {
    pub ram: &'a SimRam,
    pub cache: &'a Cache,
    pub mode: Mode,
    pub quirks: Quirks,
}

impl Walker<'_> {
    /// The leaf of `va` and the frame of its page. `met` is called for each table below the root with its
    /// level and first virtual address, and returns the table to use instead.
    pub fn walk(
        &self,
        root: PhysAddr,
        va: VirtAddr,
        mut met: impl FnMut(u8, u64, PhysAddr) -> PhysAddr,
    ) -> Option<(Pte, PhysAddr)> {
        if !self.mode.canonical(va) {
            return None;
        }
        let mut table = root;
        for level in (0..self.mode.levels()).rev() {
            let reach = self.mode.leaf_bytes(level) * self.mode.entries() as u64;
            // The root is in `satp`, not in a table.
            if level + 1 < self.mode.levels() {
                table = met(level, va.raw() / reach * reach, table);
            }
            let index = self.mode.index(va, level) * self.mode.entry_bytes();
            let pte = self.entry(table.wrapping_add(index as u64));
            match pte.decode(self.mode, level, self.quirks.dialect) {
                Entry::Pointer(next) => table = next,
                Entry::Leaf(leaf) => return Some((pte, leaf.at(va).align_down(PAGE_BYTES))),
                Entry::Refused(_) => return None,
            }
        }
        None
    }

    fn entry(&self, at: PhysAddr) -> Pte {
        Pte::new(number(self.cache.get(
            self.ram,
            at,
            self.mode.entry_bytes(),
        )))
    }
}

/// Decodes a little-endian number.
pub fn number(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}
