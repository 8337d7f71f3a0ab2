//! The hostile TLB: it forgets nothing of its own accord, neither leaves nor the tables on the
//! way to them. Privileged Architecture, 12.2.1 (SFENCE.VMA): both may be kept, and a fence for one
//! address is sure to end the leaf only, and a fence for one ASID nothing that is global.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

/// Tag a translation is: one ASID's, or with `None` everyone's.
type Tag = Option<u16>;

/// Translations by virtual page. Spaces of one ASID share them, so a translation of one space is
/// used in the next unless it was fenced.
#[derive(Debug, Default)]
pub struct Tlb {
    entries: BTreeMap<(u64, Tag), TlbEntry>,
    /// By a table's level and the first address it translates.
    tables: BTreeMap<(Tag, u8, u64), PhysAddr>,
    /// Tables that an entry led to, at whatever address.
    linked: BTreeSet<PhysAddr>,
    /// The table that led to a table last.
    parents: BTreeMap<PhysAddr, PhysAddr>,
    /// Pages that nothing was found for.
    misses: BTreeSet<(u64, u16)>,
    /// Entries above the leaves that were invalid: the ASID, their level, the first address.
    holes: BTreeSet<(u16, u8, u64)>,
}

/// One page's translation as it was when it was first used.
#[derive(Clone, Copy, Debug)]
pub struct TlbEntry {
    /// The leaf.
    pub leaf: Pte,
    /// The page's frame.
    pub frame: PhysAddr,
}

impl TlbEntry {
    fn tag(&self, asid: u16) -> Tag {
        (!self.leaf.has(Pte::GLOBAL)).then_some(asid)
    }
}

impl Tlb {
    /// What is held for the page of `va`, of that ASID or of all.
    pub fn get(&self, asid: u16, va: VirtAddr) -> Option<TlbEntry> {
        let of = |whose| self.entries.get(&(va.page(), whose)).copied();
        of(None).or_else(|| of(Some(asid)))
    }

    /// Is anything held for the page of `va`, of whatever ASID?
    pub fn holds(&self, va: VirtAddr) -> bool {
        self.entries.range(global_range(va)).next().is_some()
    }

    /// Keeps a translation.
    pub fn put(&mut self, asid: u16, va: VirtAddr, entry: TlbEntry) {
        self.entries.insert((va.page(), entry.tag(asid)), entry);
    }

    /// The table of a level that translates what begins at `va`, if one was met.
    pub fn table(&self, asid: u16, level: u8, va: u64) -> Option<PhysAddr> {
        let of = |whose| self.tables.get(&(whose, level, va)).copied();
        of(None).or_else(|| of(Some(asid)))
    }

    /// Keeps a pointer to a table. One that led to a global leaf is kept for all ASIDs too.
    pub fn put_table(&mut self, asid: u16, is_global: bool, level: u8, va: u64, table: PhysAddr) {
        self.tables.entry((Some(asid), level, va)).or_insert(table);
        if is_global {
            self.tables.entry((None, level, va)).or_insert(table);
        }
    }

    /// Keeps a pointer to a table that lies wherever its entry, in the table `from`, says.
    pub fn link(&mut self, from: PhysAddr, table: PhysAddr) {
        self.linked.insert(table);
        self.parents.insert(table, from);
    }

    /// Is it held that nothing is there?
    pub fn misses(&self, asid: u16, va: VirtAddr) -> bool {
        self.misses.contains(&(va.page(), asid))
    }

    /// Keeps that nothing is there: a valid entry is only sure to be seen after a fence.
    pub fn put_miss(&mut self, asid: u16, va: VirtAddr) {
        self.misses.insert((va.page(), asid));
    }

    /// Is an entry of that level, which translates from `first` on, held to be invalid?
    pub fn is_hole(&self, asid: u16, level: u8, first: u64) -> bool {
        self.holes.contains(&(asid, level, first))
    }

    /// Keeps that an entry above the leaves is invalid. No fence for one address ends that.
    pub fn put_hole(&mut self, asid: u16, level: u8, first: u64) {
        self.holes.insert((asid, level, first));
    }

    /// `sfence.vma va, x0`.
    pub fn fence_page(&mut self, va: VirtAddr) {
        while let Some((&held, _)) = self.entries.range(global_range(va)).next() {
            self.entries.remove(&held);
        }
        let misses = (va.page(), 0)..=(va.page(), u16::MAX);
        while let Some(&held) = self.misses.range(misses.clone()).next() {
            self.misses.remove(&held);
        }
    }

    /// `sfence.vma va, asid`.
    pub fn fence_page_of(&mut self, asid: u16, va: VirtAddr) {
        self.entries.remove(&(va.page(), Some(asid)));
        self.misses.remove(&(va.page(), asid));
    }

    /// `sfence.vma x0, x0`.
    pub fn fence_all(&mut self) {
        self.entries.clear();
        self.tables.clear();
        self.linked.clear();
        self.misses.clear();
        self.holes.clear();
    }

    /// `sfence.vma x0, asid`, of the space at `root`. Tables of a space that never ran are only
    /// sure to be forgotten after [`Self::fence_all`].
    pub fn fence_space(&mut self, asid: u16, root: Option<PhysAddr>) {
        self.entries.retain(|&(_, whose), _| whose != Some(asid));
        self.tables.retain(|&(whose, ..), _| whose != Some(asid));
        self.misses.retain(|&(_, whose)| whose != asid);
        self.holes.retain(|&(whose, ..)| whose != asid);
        if let Some(root) = root {
            let parents = &self.parents;
            self.linked.retain(|&table| !descends(parents, table, root));
        }
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
            .map(|((page, _), _)| page * PAGE_BYTES);
        page.or_else(|| {
            let mut tables = self.tables.iter();
            tables
                .find(|&(_, &table)| table == frame)
                .map(|(&(_, _, va), _)| va)
        })
    }
}

/// A page's translations, of all ASIDs.
fn global_range(va: VirtAddr) -> RangeInclusive<(u64, Tag)> {
    (va.page(), None)..=(va.page(), Some(u16::MAX))
}

/// Does the way up from a table come to `root`? No tree has more levels than five.
fn descends(parents: &BTreeMap<PhysAddr, PhysAddr>, table: PhysAddr, root: PhysAddr) -> bool {
    let up = |table: &PhysAddr| parents.get(table).copied();
    std::iter::successors(Some(table), up)
        .take(5)
        .any(|table| table == root)
}
