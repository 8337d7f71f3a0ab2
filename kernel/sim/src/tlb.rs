//! The hostile TLB: it forgets nothing of its own accord.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

/// Translations by virtual page. All spaces share one ASID, as the kernel has it, so a
/// translation of one space is used in the next unless it was fenced.
#[derive(Debug, Default)]
pub struct Tlb {
    entries: BTreeMap<u64, Entry>,
}

/// One page's translation as it was when it was first used.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The leaf.
    pub leaf: Pte,
    /// The page's frame.
    pub frame: PhysAddr,
}

impl Tlb {
    /// What is held for the page of `va`.
    pub fn get(&self, va: VirtAddr) -> Option<Entry> {
        self.entries.get(&va.page()).copied()
    }

    /// Keeps a translation.
    pub fn put(&mut self, va: VirtAddr, entry: Entry) {
        self.entries.insert(va.page(), entry);
    }

    /// `sfence.vma va, x0`.
    pub fn fence_page(&mut self, va: VirtAddr) {
        self.entries.remove(&va.page());
    }

    /// `sfence.vma x0, x0`.
    pub fn fence_all(&mut self) {
        self.entries.clear();
    }

    /// A page whose translation still leads to this frame.
    pub fn reaches(&self, frame: PhysAddr) -> Option<u64> {
        let frame = frame.align_down(PAGE_BYTES);
        self.entries
            .iter()
            .find(|(_, entry)| entry.frame == frame)
            .map(|(page, _)| page * PAGE_BYTES)
    }
}
