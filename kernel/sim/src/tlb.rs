//! A TLB that drops nothing by itself, neither leaves nor pointers. Privileged Architecture, 12.2.1
//! (SFENCE.VMA): both may be kept; a fence for one address is sure to drop only the leaf, and a fence for one
//! ASID drops nothing global.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

/// Owner of a translation: one ASID, or `None` if it is global.
type Tag = Option<u16>;

/// Translations by virtual page. Spaces with the same ASID share them, so a missing fence makes one space use
/// another's translation.
#[derive(Debug, Default)]
pub struct Tlb {
    entries: BTreeMap<(u64, Tag), TlbEntry>,
    /// By level of the table and first virtual address.
    tables: BTreeMap<(Tag, u8, u64), PhysAddr>,
    /// Tables that any entry pointed to.
    linked: BTreeSet<PhysAddr>,
    /// The last parent of each table.
    parents: BTreeMap<PhysAddr, PhysAddr>,
    /// Pages without a valid leaf.
    misses: BTreeSet<(u64, u16)>,
    /// Invalid entries above the leaves: ASID, level, first virtual address.
    holes: BTreeSet<(u16, u8, u64)>,
}

/// The translation of a page at the time of its first use.
#[derive(Clone, Copy, Debug)]
pub struct TlbEntry {
    /// The leaf entry as it was when it was cached.
    pub leaf: Pte,
    /// Physical address of the page.
    pub frame: PhysAddr,
}

impl TlbEntry {
    fn tag(&self, asid: u16) -> Tag {
        (!self.leaf.has(Pte::GLOBAL)).then_some(asid)
    }
}

impl Tlb {
    /// The translation of `va` for that ASID, or a global one.
    pub fn get(&self, asid: u16, va: VirtAddr) -> Option<TlbEntry> {
        let of = |whose| self.entries.get(&(va.page(), whose)).copied();
        of(None).or_else(|| of(Some(asid)))
    }

    /// Whether a translation of `va` is held for any ASID.
    pub fn holds(&self, va: VirtAddr) -> bool {
        self.entries.range(global_range(va)).next().is_some()
    }

    /// Keeps a translation until a fence that covers it.
    pub fn put(&mut self, asid: u16, va: VirtAddr, entry: TlbEntry) {
        self.entries.insert((va.page(), entry.tag(asid)), entry);
    }

    /// The held table of a level for virtual address `va`.
    pub fn table(&self, asid: u16, level: u8, va: u64) -> Option<PhysAddr> {
        let of = |whose| self.tables.get(&(whose, level, va)).copied();
        of(None).or_else(|| of(Some(asid)))
    }

    /// Keeps a pointer to a table. One on the path to a global leaf is kept for all ASIDs too.
    pub fn put_table(&mut self, asid: u16, is_global: bool, level: u8, va: u64, table: PhysAddr) {
        self.tables.entry((Some(asid), level, va)).or_insert(table);
        if is_global {
            self.tables.entry((None, level, va)).or_insert(table);
        }
    }

    /// Keeps a pointer from `from` to `table`, independent of the address.
    pub fn link(&mut self, from: PhysAddr, table: PhysAddr) {
        self.linked.insert(table);
        self.parents.insert(table, from);
    }

    /// Whether the page is held as unmapped.
    pub fn misses(&self, asid: u16, va: VirtAddr) -> bool {
        self.misses.contains(&(va.page(), asid))
    }

    /// Holds the page as unmapped: a new valid entry is only sure to be seen after a fence.
    pub fn put_miss(&mut self, asid: u16, va: VirtAddr) {
        self.misses.insert((va.page(), asid));
    }

    /// Whether the entry of that level for `first` is held as invalid.
    pub fn is_hole(&self, asid: u16, level: u8, first: u64) -> bool {
        self.holes.contains(&(asid, level, first))
    }

    /// Holds an entry above the leaves as invalid. A fence for one address does not drop it.
    pub fn put_hole(&mut self, asid: u16, level: u8, first: u64) {
        self.holes.insert((asid, level, first));
    }

    /// `sfence.vma va, x0`: drops the leaf for every ASID.
    pub fn fence_page(&mut self, va: VirtAddr) {
        while let Some((&held, _)) = self.entries.range(global_range(va)).next() {
            self.entries.remove(&held);
        }
        let misses = (va.page(), 0)..=(va.page(), u16::MAX);
        while let Some(&held) = self.misses.range(misses.clone()).next() {
            self.misses.remove(&held);
        }
    }

    /// `sfence.vma va, asid`: drops the leaf of one ASID, unless it is global.
    pub fn fence_page_of(&mut self, asid: u16, va: VirtAddr) {
        self.entries.remove(&(va.page(), Some(asid)));
        self.misses.remove(&(va.page(), asid));
    }

    /// `sfence.vma x0, x0`: drops everything.
    pub fn fence_all(&mut self) {
        self.entries.clear();
        self.tables.clear();
        self.linked.clear();
        self.misses.clear();
        self.holes.clear();
    }

    /// `sfence.vma x0, asid` for the space at `root`. Tables of a space that never ran are only dropped by
    /// [`Self::fence_all`].
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

    /// An address whose translation still reaches this frame, as a page or as a table. For a table that was
    /// only linked, the table's own address.
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

/// The translations of a page, for all ASIDs.
fn global_range(va: VirtAddr) -> RangeInclusive<(u64, Tag)> {
    (va.page(), None)..=(va.page(), Some(u16::MAX))
}

/// Whether `root` is an ancestor of `table`. No tree has more than five levels.
fn descends(parents: &BTreeMap<PhysAddr, PhysAddr>, table: PhysAddr, root: PhysAddr) -> bool {
    let up = |table: &PhysAddr| parents.get(table).copied();
    std::iter::successors(Some(table), up)
        .take(5)
        .any(|table| table == root)
}
