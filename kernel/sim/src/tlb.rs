//! The hostile TLB: it forgets nothing of its own accord, neither leaves nor the tables on the
//! way to them. Privileged Architecture, 12.2.1 (SFENCE.VMA): both may be kept, and a fence for one
//! address is sure to end the leaf only.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

/// Translations by virtual page. All spaces share one ASID, as the kernel has it, so a
/// translation of one space is used in the next unless it was fenced.
#[derive(Debug, Default)]
pub struct Tlb {
    entries: BTreeMap<u64, Entry>,
    /// By a table's level and the first address it translates.
    tables: BTreeMap<(u8, u64), PhysAddr>,
    /// Tables that an entry led to, at whatever address.
    linked: BTreeSet<PhysAddr>,
    /// Pages that nothing was found for.
    misses: BTreeSet<u64>,
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

    /// The table of a level that translates what begins at `va`, if one was met.
    pub fn table(&self, level: u8, va: u64) -> Option<PhysAddr> {
        self.tables.get(&(level, va)).copied()
    }

    /// Keeps a pointer to a table.
    pub fn put_table(&mut self, level: u8, va: u64, table: PhysAddr) {
        self.tables.insert((level, va), table);
    }

    /// Keeps a pointer to a table that lies wherever its entry says.
    pub fn link(&mut self, table: PhysAddr) {
        self.linked.insert(table);
    }

    /// Is it held that nothing is there?
    pub fn misses(&self, va: VirtAddr) -> bool {
        self.misses.contains(&va.page())
    }

    /// Keeps that nothing is there: a valid entry is only sure to be seen after a fence.
    pub fn put_miss(&mut self, va: VirtAddr) {
        self.misses.insert(va.page());
    }

    /// `sfence.vma va, x0`.
    pub fn fence_page(&mut self, va: VirtAddr) {
        self.entries.remove(&va.page());
        self.misses.remove(&va.page());
    }

    /// `sfence.vma x0, x0`.
    pub fn fence_all(&mut self) {
        self.entries.clear();
        self.tables.clear();
        self.linked.clear();
        self.misses.clear();
    }

    /// An address whose translation still leads to this frame, or through it as a table. Of a
    /// table that was only linked, the table's own address.
    pub fn reaches(&self, frame: PhysAddr) -> Option<u64> {
        let frame = frame.align_down(PAGE_BYTES);
        if self.linked.contains(&frame) {
            return Some(frame.raw());
        }
        let page = self
            .entries
            .iter()
            .find(|(_, entry)| entry.frame == frame)
            .map(|(page, _)| page * PAGE_BYTES);
        page.or_else(|| {
            let mut tables = self.tables.iter();
            tables
                .find(|&(_, &table)| table == frame)
                .map(|(&(_, va), _)| va)
        })
    }
}
