//! What the evictor asks of a frame: its slot in the backing store, how long it was idle, the frame after it.

use pagetable::PhysAddr;

use super::descriptor::{BOOT, FrameDescriptor, OBJECT, PAGE};
use super::{Frames, Owner, address};
use crate::fault::Moved;
use crate::mm::PAGE_BYTES;

/// A page and its owner, the place behind it, and the rows that were passed.
pub(in crate::mm) type NextPage = (Option<(PhysAddr, Owner)>, (usize, u64), u64);

impl Frames {
    /// From now on what it takes to choose a page, to write and to read one is counted, where instructions can be.
    pub fn count_costs(&mut self, counting: bool) {
        self.evictor.counting = counting;
        self.backing.counting = counting;
    }

    /// What was taken since boot, and what the backing store has done.
    pub fn moved(&self) -> Moved {
        let (taken, stored) = (self.evictor.counts(), self.backing.counts());
        Moved {
            clean: taken.clean,
            dirty: taken.dirty,
            out: stored.out,
            back: stored.back,
        }
    }

    /// The slot of the backing store that has the page, too.
    pub(in crate::mm) fn slot_of(&self, frame: PhysAddr) -> Option<u32> {
        self.table[self.row(frame)?].slot()
    }

    /// The page came from that slot, which stays its own; or it has none, and the caller has released it.
    pub(in crate::mm) fn set_slot(&mut self, frame: PhysAddr, slot: Option<u32>) {
        if let Some(at) = self.row(frame) {
            self.table[at].set_slot(slot);
        }
    }

    /// The hand comes by a page: for how many rounds it was not used now.
    pub(in crate::mm) fn count_idle(&mut self, frame: PhysAddr, accessed: bool) -> u8 {
        // It is one of the table's: the hand came by it.
        let at = (frame.raw() / PAGE_BYTES).wrapping_sub(self.first) as usize;
        let Some(row) = self.table.get_mut(at) else {
            return 0;
        };
        let idle = if accessed { 0 } else { row.idle() + 1 };
        row.set_idle(idle);
        row.idle()
    }

    /// The first frame from `number` of that arena on that is a page of a program or of a shared object; its owner, the place behind it,
    /// and how many rows were passed for that, `limit` at most. Past the last row it goes on with the first. Without a page the
    /// place alone.
    ///
    /// Every choice of a page comes by here, mostly past rows that are no pages: they are looked at in one loop, and what boot
    /// has kept not at all.
    #[inline]
    pub(in crate::mm) fn next_page(&self, (arena, number): (usize, u64), limit: u64) -> NextPage {
        // Nearly always it is the next frame. A row that boot has kept may hold anything: whose page it is then, is found in no table.
        if let Some(known) = self.arenas[..self.arenas_used].get(arena)
            && (known.first..known.fresh).contains(&number)
            && let Some(row) = self.table.get((number - self.first) as usize)
            && row.state() == PAGE
            && limit > 0
        {
            let found = (address(number as u32), row.owner());
            return (Some(found), (arena, number + 1), 1);
        }
        self.next_page_after(arena, number, limit)
    }

    #[inline(never)]
    fn next_page_after(&self, arena: usize, number: u64, limit: u64) -> NextPage {
        let arenas = self.arenas_used;
        let mut passed = 0;
        // This one from `number` on, the others, and this one from its beginning.
        for step in 0..=arenas {
            let place = (arena + step) % arenas.max(1);
            let Some(known) = self.arenas[..arenas].get(place) else {
                break;
            };
            let mut number = match step {
                0 => number.max(known.first),
                _ => known.first,
            };
            while number < known.fresh {
                number = self.past_held(number, known.fresh);
                let end = known.fresh.min(number.saturating_add(limit - passed));
                let first = self.first;
                let rows = (number - first) as usize..(end.max(number) - first) as usize;
                let rows = self.table.get(rows).unwrap_or_default();
                let is_next = |row: &FrameDescriptor| matches!(row.state(), PAGE | OBJECT | BOOT);
                let found = rows.iter().position(is_next);
                passed += found.map_or(rows.len(), |at| at + 1) as u64;
                let Some(at) = found else {
                    if passed >= limit {
                        return (None, (place, end), passed);
                    }
                    break;
                };
                number += at as u64;
                let owner = rows[at].owner();
                if owner != Owner::Boot {
                    let frame = address(number as u32);
                    return (Some((frame, owner)), (place, number + 1), passed);
                }
                number += 1;
                if passed >= limit {
                    return (None, (place, number), passed);
                }
            }
        }
        (None, (arena, number), limit)
    }

    /// The frame itself, or where the pool goes on if boot has kept it: at `end` if nowhere. What was released since is somewhere among the rest:
    /// then each row is looked at.
    fn past_held(&self, number: u64, end: u64) -> u64 {
        if self.has_released {
            return number;
        }
        let mut spans = self.ram.free().iter();
        let ahead = spans.find(|span| span.end > number);
        ahead.map_or(end, |span| number.max(span.first))
    }

    /// How many frames have rows: so many are passed by [`Self::next_page`] in a round at most.
    pub(in crate::mm) fn rows(&self) -> u64 {
        let arenas = self.arenas().iter();
        let all = arenas.map(|arena| match self.has_released {
            true => arena.fresh - arena.first,
            false => {
                let spans = self.ram.free().iter();
                let rows = spans.map(|span| {
                    let end = span.end.min(arena.fresh);
                    end.saturating_sub(span.first.max(arena.first))
                });
                rows.sum()
            }
        });
        all.sum()
    }
}
