//! Page tables of one root: enter a leaf, take it out, find where a walk stops.

use core::ops::Range;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::layout::kernel_entries;
use super::{Machine, PAGE_BYTES};

/// Where frames for page tables come from and go to.
pub trait TableFrames {
    /// A frame for a table; what it holds is arbitrary.
    fn take(&mut self) -> Option<PhysAddr>;
    /// A table that is not needed any more.
    fn give(&mut self, table: PhysAddr);
    /// A frame for a table, full of zeros.
    fn take_zeroed<M: Machine>(&mut self, machine: &mut M) -> Option<PhysAddr> {
        let table = self.take()?;
        machine.zero_frame(table);
        Some(table)
    }
    /// A table that is not needed any more, and whose entries are all zero.
    fn give_empty(&mut self, table: PhysAddr) {
        self.give(table);
    }
}

/// No frame was left for a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTable;

/// Where a walk of the tables ended: at a leaf, or at an entry that is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkEnd {
    /// Level of the last entry that was read; 0 is the level of 4 KiB leaves.
    pub level: u8,
    /// Physical address of that entry.
    pub at: PhysAddr,
    /// The entry's bits, as read.
    pub entry: u64,
}

/// Is every entry of a table zero?
pub fn is_empty<M: Machine>(machine: &M, table: PhysAddr) -> bool {
    machine
        .next_entry(table, table.wrapping_add(PAGE_BYTES))
        .is_none()
}

/// Follows `va` from the root down to a leaf or to the first invalid entry.
///
/// `pagetable::translate` does the same for any memory and mode, checks each entry and keeps each step,
/// which is too slow for a fault. This one trusts what the kernel wrote; `mm/tests/walkers.rs` holds the two equal.
#[inline(always)]
pub fn walk<M: Machine>(machine: &M, root: PhysAddr, va: VirtAddr) -> WalkEnd {
    let mut table = root;
    let mut level = M::MODE.levels() - 1;
    loop {
        let at = slot::<M>(table, va, level);
        let entry = machine.read_entry(at);
        let pte = Pte::new(entry);
        if !pte.is_valid() || pte.is_leaf() || level == 0 {
            return WalkEnd { level, at, entry };
        }
        table = pte.target(M::MODE);
        level -= 1;
    }
}

/// Every table that a program's part of the tables at `root` points to, from the root down; a table twice if two
/// pointers lead to it.
pub fn each_pointer<M: Machine>(machine: &M, root: PhysAddr, see: &mut impl FnMut(PhysAddr)) {
    let kernel = kernel_entries(M::MODE);
    let level = M::MODE.levels() - 1;
    for part in [0..kernel.start, kernel.end..M::MODE.entries()] {
        pointers(machine, root, level, part, see);
    }
}

fn pointers<M: Machine>(
    machine: &M,
    table: PhysAddr,
    level: u8,
    part: Range<usize>,
    see: &mut impl FnMut(PhysAddr),
) {
    let bytes = M::MODE.entry_bytes();
    let end = table.wrapping_add((part.end * bytes) as u64);
    let mut at = table.wrapping_add((part.start * bytes) as u64);
    while let Some(found) = machine.next_entry(at, end) {
        let pte = Pte::new(machine.read_entry(found));
        if pte.is_valid() && !pte.is_leaf() {
            let below = pte.target(M::MODE);
            see(below);
            // Those of the last level point to no table.
            if level > 1 {
                pointers(machine, below, level - 1, 0..M::MODE.entries(), see);
            }
        }
        at = found.wrapping_add(bytes as u64);
    }
}

/// How many tables a space has, its root among them.
pub fn count<M: Machine>(machine: &M, root: PhysAddr) -> u32 {
    let mut tables = u32::from(root.raw() != 0);
    if tables > 0 {
        each_pointer(machine, root, &mut |_| tables += 1);
    }
    tables
}

/// The place of `va`'s entry at `level`, with the tables above it made where they are missing.
/// On failure no table is left behind that was made on the way.
#[inline]
pub fn make_slot<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    root: PhysAddr,
    va: VirtAddr,
    level: u8,
) -> Result<PhysAddr, NoTable> {
    let stop = walk(machine, root, va);
    if stop.level <= level {
        return Ok(stop.at);
    }
    make_below(machine, tables, stop, va, level)
}

/// Links new tables from the invalid entry at `stop` down to `level`, and fences them: the leaf that
/// the caller enters then needs only a fence for its own address.
pub fn make_below<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    stop: WalkEnd,
    va: VirtAddr,
    level: u8,
) -> Result<PhysAddr, NoTable> {
    let mut at = stop.at;
    for above in (level + 1..=stop.level).rev() {
        let Some(table) = tables.take_zeroed(machine) else {
            undo(machine, tables, stop.at);
            return Err(NoTable);
        };
        machine.write_entry(at, Pte::pointer(M::MODE, table).raw());
        at = slot::<M>(table, va, above - 1);
    }
    if stop.level > level {
        // A hart may hold that the entry at `stop` is invalid, and a fence for one address is only
        // sure to end what it holds of leaves: after a change above them rs1 must be x0 (Privileged
        // Architecture, 12.2.1). Without it the program would fault without end on such a hart.
        machine.fence_all();
    }
    Ok(at)
}

/// Takes back the chain of tables that was just made below `at`, empty but for itself.
pub(super) fn undo<M: Machine>(machine: &mut M, tables: &mut impl TableFrames, at: PhysAddr) {
    take_back(machine, tables, at);
    // A walk ahead of time may hold a pointer to one of them.
    machine.fence_all();
}

fn take_back<M: Machine>(machine: &mut M, tables: &mut impl TableFrames, at: PhysAddr) {
    let pte = Pte::new(machine.read_entry(at));
    if !pte.is_valid() {
        return;
    }
    machine.write_entry(at, 0);
    let table = pte.target(M::MODE);
    for index in 0..M::MODE.entries() as u64 {
        take_back(
            machine,
            tables,
            PhysAddr::new(table.raw() + index * M::MODE.entry_bytes() as u64),
        );
    }
    tables.give(table);
}

/// Maps a range with the largest leaves that fit. Meant for the kernel's own map: what is
/// mapped already is overwritten, and nothing is undone on failure.
pub fn map_range<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    root: PhysAddr,
    va: VirtAddr,
    pa: PhysAddr,
    bytes: u64,
    flags: u64,
) -> Result<(), NoTable> {
    let mut done = 0;
    while done < bytes {
        let (to, from) = (va.raw() + done, pa.raw() + done);
        let level = largest_leaf::<M>(to, from, bytes - done);
        let mut at = make_slot(machine, tables, root, VirtAddr::new(to), level)?;
        // One walk for each table, not for each leaf. Where a larger leaf fits, this table has ended.
        let step = M::MODE.leaf_bytes(level);
        let entry_bytes = M::MODE.entry_bytes() as u64;
        let room = (PAGE_BYTES - at.raw() % PAGE_BYTES) / entry_bytes;
        // A last part of a page is a page.
        let count = room.min(((bytes - done) >> M::MODE.leaf_shift(level)).max(1));
        let mut entry = Pte::leaf(M::MODE, PhysAddr::new(from), flags).raw();
        let next = Pte::leaf(M::MODE, PhysAddr::new(step), 0).raw() & !Pte::VALID;
        for _ in 0..count as usize {
            machine.write_entry(at, entry);
            at = PhysAddr::new(at.raw() + entry_bytes);
            entry += next;
        }
        done += step * count;
    }
    Ok(())
}

fn largest_leaf<M: Machine>(va: u64, pa: u64, bytes: u64) -> u8 {
    let mut level = M::MODE.levels() - 1;
    while level > 0
        && (bytes < M::MODE.leaf_bytes(level)
            || !(va | pa).is_multiple_of(M::MODE.leaf_bytes(level)))
    {
        level -= 1;
    }
    level
}

/// An entry that is not valid, and yet has a page: one that no access may touch at present. The bit
/// is G, which no leaf of a program has.
const PROT_NONE: u64 = Pte::GLOBAL;

/// An entry that is not valid, and whose page is in the backing store: where a leaf has the page number, the slot. The first
/// of the two bits that the MMU leaves to us.
const IN_STORE: u64 = 1 << 9;

/// The entry of a page that is in a slot of the backing store. What may be done with the page is said by its region alone.
pub fn stored(slot: u32) -> u64 {
    u64::from(slot) << 10 | IN_STORE
}

/// The slot of an entry whose page is in the backing store. It is this entry's alone: one that is copied to another space
/// would be released twice, and its page written by both.
#[inline]
pub fn slot_of(entry: u64) -> Option<u32> {
    const KIND: u64 = Pte::VALID | PROT_NONE | IN_STORE;
    (entry & KIND == IN_STORE).then_some((entry >> 10) as u32)
}

/// The page of an entry, if it is a leaf, or a hidden one.
#[inline]
pub fn page_of<M: Machine>(entry: u64, level: u8) -> Option<PhysAddr> {
    let pte = Pte::new(entry);
    let is_page = match pte.is_valid() {
        true => level == 0 || pte.is_leaf(),
        false => entry & PROT_NONE != 0,
    };
    is_page.then(|| pte.target(M::MODE))
}

/// An entry that is not valid, and whose page is lent: S, which software has to itself. Its other bits stay, for the
/// return, and for who looks.
const LENT: u64 = 1 << 8;

/// The page of an entry whose page is lent.
#[inline]
pub fn lent_page<M: Machine>(entry: u64) -> Option<PhysAddr> {
    let is_lent = entry & (Pte::VALID | LENT) == LENT;
    is_lent.then(|| Pte::new(entry).target(M::MODE))
}

/// The entry of a page that is lent from now on.
pub fn lend(entry: u64) -> u64 {
    entry & !Pte::VALID | LENT
}

/// The entry of a page that is lent no longer.
pub fn unlend(entry: u64) -> u64 {
    entry & !LENT | Pte::VALID
}

/// The same page with other rights: R, W and X as in `rights`; hidden if there are none.
pub fn with_rights(entry: u64, rights: u64) -> u64 {
    const RIGHTS: u64 = Pte::READ | Pte::WRITE | Pte::EXEC;
    let kept = entry & !(RIGHTS | Pte::VALID | PROT_NONE);
    kept | if rights == 0 {
        PROT_NONE
    } else {
        rights | Pte::VALID
    }
}

/// Does the leaf that `va` lies in begin before it? Then it is one of a higher level.
fn straddled<M: Machine>(machine: &M, root: PhysAddr, va: VirtAddr) -> Option<WalkEnd> {
    let stop = walk(machine, root, va);
    let begins_before = !va.raw().is_multiple_of(M::MODE.leaf_bytes(stop.level));
    (begins_before && page_of::<M>(stop.entry, stop.level).is_some()).then_some(stop)
}

/// Splits leaves until none reaches over `va`: what is mapped stays the same. On failure
/// every split is taken back.
pub fn split_at<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    root: PhysAddr,
    va: VirtAddr,
) -> Result<(), NoTable> {
    while let Some(stop) = straddled(machine, root, va) {
        let Some(table) = tables.take() else {
            merge_around(machine, tables, root, va);
            return Err(NoTable);
        };
        let step = M::MODE.leaf_bytes(stop.level - 1);
        let pages = step / PAGE_BYTES;
        for index in 0..M::MODE.entries() as u64 {
            let at = table.wrapping_add(index * M::MODE.entry_bytes() as u64);
            // The page number begins at bit 10.
            machine.write_entry(at, stop.entry + ((index * pages) << 10));
        }
        machine.write_entry(stop.at, Pte::pointer(M::MODE, table).raw());
        machine.fence_all();
    }
    Ok(())
}

/// Joins what `va` lies in into the largest leaves that say the same. A and D of the whole are
/// those of any part.
pub fn merge_around<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    root: PhysAddr,
    va: VirtAddr,
) {
    for level in 1..M::MODE.levels() {
        let Some(at) = pointer_at(machine, root, va, level) else {
            return;
        };
        let table = Pte::new(machine.read_entry(at)).target(M::MODE);
        let Some(leaf) = joined(machine, table, level) else {
            return;
        };
        machine.write_entry(at, leaf);
        machine.fence_all();
        tables.give(table);
    }
}

/// The place of `va`'s entry at `level`, if that is a pointer.
fn pointer_at<M: Machine>(
    machine: &M,
    root: PhysAddr,
    va: VirtAddr,
    level: u8,
) -> Option<PhysAddr> {
    let mut table = root;
    for above in (level..M::MODE.levels()).rev() {
        let at = slot::<M>(table, va, above);
        let pte = Pte::new(machine.read_entry(at));
        if !pte.is_valid() || pte.is_leaf() {
            return None;
        }
        if above == level {
            return Some(at);
        }
        table = pte.target(M::MODE);
    }
    None
}

/// The leaf of `level` that says the same as all of a table's entries together.
fn joined<M: Machine>(machine: &M, table: PhysAddr, level: u8) -> Option<u64> {
    const TRACES: u64 = Pte::ACCESSED | Pte::DIRTY;
    let entry =
        |index: u64| machine.read_entry(table.wrapping_add(index * M::MODE.entry_bytes() as u64));
    let first = entry(0);
    let start = page_of::<M>(first, level - 1)?;
    if !start.raw().is_multiple_of(M::MODE.leaf_bytes(level)) {
        return None;
    }
    let pages = M::MODE.leaf_bytes(level - 1) / PAGE_BYTES;
    let mut traces = 0;
    for index in 0..M::MODE.entries() as u64 {
        let found = entry(index);
        if found & !TRACES != (first & !TRACES) + ((index * pages) << 10) {
            return None;
        }
        traces |= found & TRACES;
    }
    Some(first | traces)
}

/// Clears every leaf of a range. Nothing is fenced, nothing freed.
pub fn clear_range<M: Machine>(machine: &mut M, root: PhysAddr, from: VirtAddr, end: VirtAddr) {
    each_page(machine, root, from, end, |machine, _, stop| {
        machine.write_entry(stop.at, 0);
    });
}

/// Every page that is there between `from` and `end` (exclusive), with its first address.
/// Where a walk stops early, nothing is there as far as that entry reaches.
pub fn each_page<M: Machine>(
    machine: &mut M,
    root: PhysAddr,
    from: VirtAddr,
    end: VirtAddr,
    mut see: impl FnMut(&mut M, VirtAddr, WalkEnd),
) {
    let mut va = from.raw();
    while va < end.raw() {
        let stop = walk(machine, root, VirtAddr::new(va));
        if page_of::<M>(stop.entry, stop.level).is_some() {
            see(machine, VirtAddr::new(va), stop);
        }
        let reach = M::MODE.leaf_bytes(stop.level);
        va = (va / reach + 1) * reach;
    }
}

/// Gives every table back that maps nothing any more between `from` and `end` (exclusive).
/// The root stays. How many were freed.
pub fn prune<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    root: PhysAddr,
    from: VirtAddr,
    end: VirtAddr,
) -> u32 {
    prune_level(
        machine,
        tables,
        root,
        M::MODE.levels() - 1,
        from.raw(),
        end.raw(),
    )
}

fn prune_level<M: Machine>(
    machine: &mut M,
    tables: &mut impl TableFrames,
    table: PhysAddr,
    level: u8,
    from: u64,
    end: u64,
) -> u32 {
    if level == 0 || from >= end {
        return 0;
    }
    let mut given = 0;
    let span = M::MODE.leaf_bytes(level);
    let mut va = from / span * span;
    while va < end {
        let at = slot::<M>(table, VirtAddr::new(va), level);
        let pte = Pte::new(machine.read_entry(at));
        if pte.is_valid() && !pte.is_leaf() {
            let below = pte.target(M::MODE);
            given += prune_level(
                machine,
                tables,
                below,
                level - 1,
                from.max(va),
                end.min(va + span),
            );
            if is_empty(machine, below) {
                machine.write_entry(at, 0);
                tables.give_empty(below);
                given += 1;
            }
        }
        va += span;
    }
    given
}

#[inline]
pub(super) fn slot<M: Machine>(table: PhysAddr, va: VirtAddr, level: u8) -> PhysAddr {
    PhysAddr::new(table.raw() + (M::MODE.index(va, level) * M::MODE.entry_bytes()) as u64)
}
