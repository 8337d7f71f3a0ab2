//! A hart: it walks tables, keeps translations, and faults.

use std::collections::{BTreeMap, BTreeSet};

use pagetable::{AccessType, Dialect, Mode, PAGE_BYTES, PhysAddr, Pte, VirtAddr};

use crate::cache::Cache;
use crate::quirks::Quirks;
use crate::ram::SimRam;
use crate::tlb::{Tlb, TlbEntry};
use crate::walker::{Walker, number};

/// The exception of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimCause {
    /// A page fault: the tables do not permit the access.
    Page,
    /// An access fault: the memory type does not permit the access.
    Access,
}

/// A fault of one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimFault {
    /// The faulting virtual address.
    pub va: VirtAddr,
    /// Type of the access.
    pub access: AccessType,
    /// The exception raised.
    pub cause: SimCause,
}

/// The context of an access: root, ASID and privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HartView {
    /// Physical address of the root table.
    pub root: PhysAddr,
    /// Address-space id of `satp`, which tags TLB entries.
    pub asid: u16,
    /// Whether it is a user access.
    pub is_user: bool,
}

impl HartView {
    /// A user access with ASID 0.
    pub const fn user(root: PhysAddr) -> HartView {
        HartView {
            root,
            asid: 0,
            is_user: true,
        }
    }

    /// A kernel access with ASID 0.
    pub const fn kernel(root: PhysAddr) -> HartView {
        HartView {
            is_user: false,
            ..HartView::user(root)
        }
    }

    /// The same context with another ASID.
    pub const fn with_asid(self, asid: u16) -> HartView {
        HartView { asid, ..self }
    }
}

/// What a hart has of its own, while another one makes the accesses.
#[derive(Debug)]
struct OtherHart {
    tlb: Tlb,
    view: HartView,
    owed: Option<u64>,
    stale_code: BTreeSet<PhysAddr>,
}

/// Memory and its harts, whose TLBs keep every stale entry that the architecture allows. One of them makes the accesses.
#[derive(Debug)]
pub struct SimMachine {
    /// Physical memory, filled with noise.
    pub ram: SimRam,
    mode: Mode,
    quirks: Quirks,
    tlb: Tlb,
    cache: Cache,
    /// Context of the last access.
    view: HartView,
    /// The last root of each ASID.
    roots: BTreeMap<u16, PhysAddr>,
    /// Root of the kernel's tables, and the virtual address of physical address 0; `None` while translation
    /// is off.
    kernel: Option<(PhysAddr, u64)>,
    /// The page whose last access failed: with `spurious`, that fault was expected.
    owed: Option<u64>,
    /// Frames written since the last `fence_code`.
    stale_code: BTreeSet<PhysAddr>,
    /// The number of the hart that makes the accesses; in its place among the others there is nothing.
    current: usize,
    others: Vec<OtherHart>,
}

impl SimMachine {
    /// A hart with the given RAM, without translations.
    pub fn new(mode: Mode, ram: SimRam, quirks: Quirks) -> SimMachine {
        SimMachine {
            ram,
            mode,
            quirks: quirks.in_mode(mode),
            tlb: Tlb::default(),
            cache: Cache::default(),
            view: HartView::user(PhysAddr::new(0)),
            roots: BTreeMap::new(),
            kernel: None,
            owed: None,
            stale_code: BTreeSet::new(),
            current: 0,
            others: Vec::new(),
        }
    }

    /// More harts with the same memory: so many in all.
    pub fn add_harts(&mut self, count: usize) {
        self.others.resize_with(count, || OtherHart {
            tlb: Tlb::default(),
            view: HartView::user(PhysAddr::new(0)),
            owed: None,
            stale_code: BTreeSet::new(),
        });
    }

    /// The hart with that number makes the accesses and fences from now on.
    pub fn run_on(&mut self, hart: usize) {
        for number in [self.current, hart] {
            if let Some(other) = self.others.get_mut(number) {
                std::mem::swap(&mut self.tlb, &mut other.tlb);
                std::mem::swap(&mut self.view, &mut other.view);
                std::mem::swap(&mut self.owed, &mut other.owed);
                std::mem::swap(&mut self.stale_code, &mut other.stale_code);
            }
        }
        self.current = hart;
    }

    /// A hart that does not make the accesses forgets every translation.
    pub fn forget_on(&mut self, hart: usize) {
        if let Some(other) = self.others.get_mut(hart) {
            other.tlb.fence_all();
        }
    }

    /// Bytes of a frame were written: no hart may fetch them before its own `fence.i`.
    fn code_is_stale(&mut self, frame: PhysAddr) {
        self.stale_code.insert(frame);
        for other in &mut self.others {
            other.stale_code.insert(frame);
        }
    }

    /// Encoding of memory types on this hart.
    pub fn dialect(&self) -> Dialect {
        self.quirks.dialect
    }

    /// Routes the kernel's own accesses through the tables at `root`, which map physical address 0 at
    /// `physmap`, with their memory types and rights. Before, translation is off and memory is cached.
    pub fn map_kernel(&mut self, root: PhysAddr, physmap: u64) {
        self.kernel = Some((root, physmap));
    }

    /// Whether a kernel access is cached. Panics if the kernel's map does not permit it.
    fn is_cached(&self, at: PhysAddr, access: AccessType) -> bool {
        let Some((root, physmap)) = self.kernel else {
            return true;
        };
        let va = VirtAddr::new(physmap.wrapping_add(at.raw()));
        let found = self.walker().walk(root, va, |_, _, table| table);
        match found {
            Some((leaf, frame)) if self.refuses(leaf, access, false).is_none() => {
                assert_eq!(frame, at.align_down(PAGE_BYTES), "what {va:?} shows");
                self.quirks.is_cached(leaf)
            }
            _ => panic!("the kernel faults: {access:?} of {at:?} at {va:?}: {found:x?}"),
        }
    }

    fn write(&mut self, at: PhysAddr, from: &[u8]) {
        let is_cached = self.is_cached(at, AccessType::Write);
        self.cache.write(&mut self.ram, at, from, is_cached);
    }

    fn read(&self, at: PhysAddr, bytes: usize) -> &[u8] {
        if self.is_cached(at, AccessType::Read) {
            self.cache.get(&self.ram, at, bytes)
        } else {
            self.ram.get(at, bytes)
        }
    }

    /// Reads the page-table entry at an address: 8 bytes for Sv39, 4 for Sv32.
    pub fn read_entry(&self, at: PhysAddr) -> u64 {
        number(self.read(at, self.mode.entry_bytes()))
    }

    /// Writes a page-table entry; TLBs keep what they hold until a fence.
    pub fn write_entry(&mut self, at: PhysAddr, value: u64) {
        let bytes = self.mode.entry_bytes();
        self.write(at, &value.to_le_bytes()[..bytes]);
        let pte = Pte::new(value);
        if pte.is_valid() && !pte.is_leaf() {
            // A speculative walk may use the pointer at once.
            // Other harts do not look ahead: which of them have this space is not known here.
            self.tlb
                .link(at.align_down(PAGE_BYTES), pte.target(self.mode));
        }
    }

    /// Reads bytes that a program may have written; they must be within one frame.
    pub fn read_bytes(&self, at: PhysAddr, into: &mut [u8]) {
        into.copy_from_slice(self.read(at, into.len()));
    }

    /// Writes bytes that a program may read or execute; they must be within one frame.
    pub fn write_bytes(&mut self, at: PhysAddr, from: &[u8]) {
        self.write(at, from);
        self.code_is_stale(at.align_down(PAGE_BYTES));
    }

    /// Zeroes a frame; panics if a translation still reaches it.
    pub fn zero_frame(&mut self, frame: PhysAddr) {
        self.must_be_free(frame);
        self.write(frame, &[0; PAGE_BYTES as usize]);
        self.code_is_stale(frame);
    }

    /// Copies a frame; panics if a translation still reaches the target.
    pub fn copy_frame(&mut self, from: PhysAddr, to: PhysAddr) {
        self.must_be_free(to);
        let data = self.read(from, PAGE_BYTES as usize).to_vec();
        self.write(to, &data);
        self.code_is_stale(to);
    }

    fn must_be_free(&self, frame: PhysAddr) {
        let others = self.others.iter().map(|other| &other.tlb);
        let mut all = std::iter::once(&self.tlb).chain(others);
        if let Some(va) = all.find_map(|tlb| tlb.reaches(frame)) {
            panic!(
                "frame {:#x} is refilled while the TLB still reaches it at {va:#x}: a fence is missing",
                frame.raw()
            );
        }
    }

    /// `sfence.vma va, x0`. A page in use is translated again at once, as by speculation.
    pub fn fence_page(&mut self, va: VirtAddr) {
        let was_held = self.tlb.get(self.view.asid, va).is_some();
        self.tlb.fence_page(va);
        self.look_again(was_held, va);
    }

    /// `sfence.vma va, asid`: global entries stay. The page is translated again as in [`Self::fence_page`].
    pub fn fence_page_of(&mut self, va: VirtAddr, asid: u16) {
        let asid = self.quirks.asid(asid);
        let was_held = asid == self.view.asid && self.tlb.get(asid, va).is_some();
        self.tlb.fence_page_of(asid, va);
        self.look_again(was_held, va);
    }

    fn look_again(&mut self, was_held: bool, va: VirtAddr) {
        let asid = self.view.asid;
        if was_held && let Some((leaf, frame)) = self.walk(self.view, va) {
            self.tlb.put(asid, va, TlbEntry { leaf, frame });
        }
    }

    /// `sfence.vma x0, x0`: drops every translation.
    pub fn fence_all(&mut self) {
        self.tlb.fence_all();
    }

    /// `sfence.vma x0, asid`: drops that space's translations; global entries stay.
    pub fn fence_space(&mut self, asid: u16) {
        let asid = self.quirks.asid(asid);
        self.tlb.fence_space(asid, self.roots.get(&asid).copied());
    }

    /// `fence.i`: later fetches see earlier stores.
    pub fn fence_code(&mut self) {
        self.stale_code.clear();
    }

    /// Whether a translation of that page is held for any ASID.
    pub fn holds(&self, va: VirtAddr) -> bool {
        self.tlb.holds(va)
    }

    /// Translates a user access with ASID 0, or returns its fault.
    pub fn access(
        &mut self,
        root: PhysAddr,
        va: VirtAddr,
        access: AccessType,
    ) -> Result<PhysAddr, SimFault> {
        self.access_as(HartView::user(root), va, access)
    }

    /// Translates an access, or returns its fault. A held translation is used, however stale.
    pub fn access_as(
        &mut self,
        view: HartView,
        va: VirtAddr,
        access: AccessType,
    ) -> Result<PhysAddr, SimFault> {
        let view = view.with_asid(self.quirks.asid(view.asid));
        self.view = view;
        self.roots.insert(view.asid, view.root);
        let fault = |cause| Err(SimFault { va, access, cause });
        if let Some(held) = self.tlb.get(view.asid, va) {
            // A hart need not walk again before it faults.
            if let Some(cause) = self.refuses(held.leaf, access, view.is_user) {
                return fault(cause);
            }
            let frame = match self.set_traces(view, va, access, held) {
                Some(now) => now.frame,
                // It walked again for A or D, and found something else.
                None => return fault(SimCause::Page),
            };
            return Ok(frame.wrapping_add(va.offset(PAGE_BYTES)));
        }
        if self.tlb.misses(view.asid, va) || self.is_in_hole(view.asid, va) {
            return fault(SimCause::Page);
        }
        let Some((leaf, frame)) = self.walk(view, va) else {
            self.tlb.put_miss(view.asid, va);
            return fault(SimCause::Page);
        };
        let entry = TlbEntry { leaf, frame };
        if let Some(cause) = self.refuses(leaf, access, view.is_user) {
            self.tlb.put(view.asid, va, entry);
            return fault(cause);
        }
        if self.quirks.spurious && self.owed != Some(va.page()) {
            self.owed = Some(va.page());
            return fault(SimCause::Page);
        }
        self.owed = None;
        assert!(
            access != AccessType::Execute || !self.stale_code.contains(&frame),
            "fetched from {:#x} without fence.i",
            va.raw()
        );
        self.tlb.put(view.asid, va, entry);
        self.set_traces(view, va, access, entry);
        Ok(frame.wrapping_add(va.offset(PAGE_BYTES)))
    }

    /// Where the hart sets A and D itself: it does so in memory, at the first access for which the translation that it
    /// holds lacks one, and never in an entry that has changed since (Privileged Architecture, 12.3.1). `None` if it
    /// has: then the access faults.
    fn set_traces(
        &mut self,
        view: HartView,
        va: VirtAddr,
        access: AccessType,
        held: TlbEntry,
    ) -> Option<TlbEntry> {
        let wanted = match access {
            AccessType::Write => Pte::ACCESSED | Pte::DIRTY,
            _ => Pte::ACCESSED,
        };
        if self.quirks.svade || held.leaf.has(wanted) {
            return Some(held);
        }
        let mut last = (self.mode.levels() - 1, view.root);
        let found = self.walker().walk(view.root, va, |level, _, table| {
            last = (level, table);
            table
        });
        let (leaf, frame) = found.filter(|(leaf, frame)| {
            *frame == held.frame && self.refuses(*leaf, access, view.is_user).is_none()
        })?;
        let (level, table) = last;
        let index = self.mode.index(va, level) * self.mode.entry_bytes();
        let at = table.wrapping_add(index as u64);
        let leaf = Pte::new(leaf.raw() | wanted);
        let bytes = self.mode.entry_bytes();
        let new = &leaf.raw().to_le_bytes()[..bytes];
        self.cache.write(&mut self.ram, at, new, true);
        let entry = TlbEntry { leaf, frame };
        self.tlb.put(view.asid, va, entry);
        Some(entry)
    }

    /// The exception of an access to a leaf, if any.
    fn refuses(&self, leaf: Pte, access: AccessType, is_user: bool) -> Option<SimCause> {
        let right = match access {
            AccessType::Read => Pte::READ,
            AccessType::Write => Pte::WRITE,
            AccessType::Execute => Pte::EXEC,
        };
        let dirty = if access == AccessType::Write {
            Pte::DIRTY
        } else {
            0
        };
        let kept = if self.quirks.svade {
            Pte::ACCESSED | dirty
        } else {
            0
        };
        // The kernel runs with SUM clear.
        if leaf.has(Pte::USER) != is_user || !leaf.has(Pte::VALID | right | kept) {
            Some(SimCause::Page)
        } else if access == AccessType::Execute && self.quirks.is_strong_order(leaf) {
            Some(SimCause::Access)
        } else {
            None
        }
    }

    fn walker(&self) -> Walker<'_> {
        Walker {
            ram: &self.ram,
            cache: &self.cache,
            mode: self.mode,
            quirks: self.quirks,
        }
    }

    /// A walk that uses held pointers, however stale, and keeps new ones.
    fn walk(&mut self, view: HartView, va: VirtAddr) -> Option<(Pte, PhysAddr)> {
        // By level; above the mode's levels there is nothing.
        let mut met = [None; Mode::MOST_LEVELS];
        let found = self.walker().walk(view.root, va, |level, first, table| {
            let held = self.tlb.table(view.asid, level, first).unwrap_or(table);
            met[usize::from(level)] = Some((first, held));
            held
        });
        self.keep_invalid(view, va, found.is_some(), met);
        let is_global = found.is_some_and(|(leaf, _)| leaf.has(Pte::GLOBAL));
        for (level, met) in (0..).zip(met) {
            if let Some((first, table)) = met {
                let tlb = &mut self.tlb;
                tlb.put_table(view.asid, is_global, level, first, table);
            }
        }
        found
    }

    /// Whether an entry above the leaf of `va` is held as invalid.
    fn is_in_hole(&self, asid: u16, va: VirtAddr) -> bool {
        (1..self.mode.levels()).any(|level| {
            let first = va.align_down(self.mode.leaf_bytes(level)).raw();
            self.tlb.is_hole(asid, level, first)
        })
    }

    /// Keeps entries that a walk found invalid. `met` has the tables below the root, by level.
    fn keep_invalid(
        &mut self,
        view: HartView,
        va: VirtAddr,
        found: bool,
        met: [Option<(u64, PhysAddr)>; Mode::MOST_LEVELS],
    ) {
        let last = (0..)
            .zip(met)
            .find_map(|(level, met)| Some((level, met?.1)));
        let (level, table) = last.unwrap_or((self.mode.levels() - 1, view.root));
        if self.quirks.keeps_holes && !found && level > 0 && self.mode.canonical(va) {
            let first = va.align_down(self.mode.leaf_bytes(level)).raw();
            self.tlb.put_hole(view.asid, level, first);
        }
        if self.quirks.reads_lines && level == 0 {
            let entries = 64 / self.mode.entry_bytes() as u64;
            let first = va.align_down(entries * PAGE_BYTES);
            for page in (0..entries).map(|n| first.wrapping_add(n * PAGE_BYTES)) {
                let index = self.mode.index(page, 0) * self.mode.entry_bytes();
                let entry = number(self.cache.get(
                    &self.ram,
                    table.wrapping_add(index as u64),
                    self.mode.entry_bytes(),
                ));
                if !Pte::new(entry).is_valid() {
                    self.tlb.put_miss(view.asid, page);
                }
            }
        }
    }
}
