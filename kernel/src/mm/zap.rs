//! Takes the leaves of a range out of the tables, and the tables that nothing needs any more.
//!
//! One pass, from the root down: an entry of zero is passed over eight at a time, a table is left as soon as its part
//! of the range is done. Whether what is left of a table is empty is asked of the regions first: a table that no
//! region reaches has no entry, so it need not be searched.
//!
//! ```text
//!            from                          end
//!   ┌─────────┬───┬───────────────┬─────────┴─┐
//!   │ kept?   │ 0 │   0   0   0   │ 0   kept? │   tables between the borders are empty: freed unread
//!   └─────────┴───┴───────────────┴───────────┘   at the borders `RestOfTable` says what may be left
//! ```

use core::ops::Range;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::space_id::SpaceId;
use super::table::{is_empty, page_of, slot, slot_of};
use super::{Frames, Machine, PAGE_BYTES, TableFrames};

/// What a table at a border may still hold outside of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestOfTable {
    /// Nothing: no region reaches it.
    Nothing,
    /// Perhaps a leaf: the entries must be read.
    Unknown,
    /// It is left as it is: another pass comes to it.
    Kept,
}

/// Which harts may still hold a translation that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fence {
    /// The hart may hold each leaf: one fence for each, before its frame is free.
    EachPage,
    /// The space runs nowhere: one fence for all, which the caller makes before anybody else gets a frame.
    Later,
}

/// What a pass took out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Zapped {
    /// Pages of 4 KiB that had been there.
    pub pages: u32,
    /// Pages that had been in the backing store.
    pub stored: u32,
    /// Number of page tables that became empty and were freed.
    pub tables: u32,
}

/// Takes out what there is between two addresses. No leaf reaches over either.
pub fn zap<M: Machine>(
    machine: &mut M,
    frames: &mut Frames,
    (owner, root): (SpaceId, PhysAddr),
    range: Range<VirtAddr>,
    fence: Fence,
    rest: impl Fn(Range<u64>) -> RestOfTable,
) -> Zapped {
    let mut pass = Pass {
        machine,
        frames,
        owner,
        fence,
        rest,
        zapped: Zapped::default(),
    };
    pass.frames.begin_release();
    if range.start < range.end {
        pass.descend(root, range.start.raw()..range.end.raw());
    }
    pass.zapped
}

/// A table on the way down, and where the pointer to it is.
#[derive(Clone, Copy)]
struct Step {
    at: PhysAddr,
    table: PhysAddr,
    level: u8,
    span: u64,
}

struct Pass<'a, M, R> {
    machine: &'a mut M,
    frames: &'a mut Frames,
    owner: SpaceId,
    fence: Fence,
    rest: R,
    zapped: Zapped,
}

impl<M: Machine, R: Fn(Range<u64>) -> RestOfTable> Pass<'_, M, R> {
    /// Goes down while one entry translates the whole range, which is the way of most calls; clears below; and comes
    /// back up as far as tables have become empty.
    #[inline(always)]
    fn descend(&mut self, root: PhysAddr, range: Range<u64>) {
        let (from, last) = (VirtAddr::new(range.start), VirtAddr::new(range.end - 1));
        let mut steps = [None; 4];
        let (mut table, mut level) = (root, M::MODE.levels() - 1);
        while level > 0 && M::MODE.index(from, level) == M::MODE.index(last, level) {
            let at = slot::<M>(table, from, level);
            let pte = Pte::new(self.machine.read_entry(at));
            if !pte.is_valid() || pte.is_leaf() {
                break;
            }
            let span = from.align_down(M::MODE.leaf_bytes(level)).raw();
            table = pte.target(M::MODE);
            level -= 1;
            steps[usize::from(level)] = Some(Step {
                at,
                table,
                level,
                span,
            });
        }
        let mut left = self.entries(table, level, range.start, range.end);
        for step in steps.iter().flatten() {
            if left {
                return;
            }
            let span = step.span..step.span + M::MODE.leaf_bytes(step.level + 1);
            let whole = range == span;
            left = !self.give_if_empty(step.at, step.table, span, whole);
        }
    }

    /// The entries of one table for `from` to `end`, which it translates; whether one of them is left.
    fn entries(&mut self, table: PhysAddr, level: u8, from: u64, end: u64) -> bool {
        let bytes = M::MODE.entry_bytes() as u64;
        let span = M::MODE.leaf_bytes(level);
        let first = from / span * span;
        let begin = slot::<M>(table, VirtAddr::new(from), level);
        let stop = slot::<M>(table, VirtAddr::new(end - 1), level).wrapping_add(bytes);
        let (mut at, mut left) = (begin, false);
        while let Some(found) = self.machine.next_entry(at, stop) {
            let va = first + (found.raw() - begin.raw()) / bytes * span;
            let entry = self.machine.read_entry(found);
            match page_of::<M>(entry, level) {
                Some(frame) => self.leaf(found, level, VirtAddr::new(va), frame),
                None if Pte::new(entry).is_valid() => {
                    let below = Pte::new(entry).target(M::MODE);
                    let part = from.max(va)..end.min(va + span);
                    left |= !self.table(found, below, level - 1, va..va + span, part);
                }
                // Neither valid nor a page: nothing that a table needs to stay for.
                None => {
                    self.machine.write_entry(found, 0);
                    if let Some(slot) = slot_of(entry) {
                        self.frames.backing.release(slot);
                        self.zapped.stored += 1;
                    }
                }
            }
            at = found.wrapping_add(bytes);
        }
        left
    }

    fn leaf(&mut self, at: PhysAddr, level: u8, va: VirtAddr, frame: PhysAddr) {
        self.machine.write_entry(at, 0);
        if self.fence == Fence::EachPage {
            self.machine.fence_leaf(va, level);
        }
        let bytes = M::MODE.leaf_bytes(level);
        self.frames.free_leaf(self.owner.id, frame, bytes);
        self.zapped.pages += (bytes / PAGE_BYTES) as u32;
    }

    /// A table that translates `span`, of which `part` goes; whether it went too. Its pointer is at `at`.
    fn table(
        &mut self,
        at: PhysAddr,
        table: PhysAddr,
        level: u8,
        span: Range<u64>,
        part: Range<u64>,
    ) -> bool {
        let left = self.entries(table, level, part.start, part.end);
        let whole = part == span;
        !left && self.give_if_empty(at, table, span, whole)
    }

    /// Gives a table back if nothing is left in it; nothing is where the range was, and `whole` says that it was there
    /// everywhere.
    #[inline(always)]
    fn give_if_empty(
        &mut self,
        at: PhysAddr,
        table: PhysAddr,
        span: Range<u64>,
        whole: bool,
    ) -> bool {
        let is_empty = whole
            || match (self.rest)(span) {
                RestOfTable::Nothing => true,
                RestOfTable::Kept => false,
                RestOfTable::Unknown => is_empty(self.machine, table),
            };
        if is_empty {
            self.machine.write_entry(at, 0);
            self.owner.tables(self.frames).give_empty(table);
            self.zapped.tables += 1;
        }
        is_empty
    }
}
