//! The search for a run of frames: contiguous and aligned, wherever there is one.
//!
//! It looks at each frame of RAM once, and there may be millions: it goes on for as many entries into the kernel as it
//! takes. Nothing is held meanwhile, so what was found free may be taken by others. The run is looked at
//! once more when it is taken, in the same piece, and the search goes on behind what is not free now.
//!
//! ```text
//!   arena  | taken | free free free ....... | rows not written |
//!                  ^ first     ^ checked    ^ first + count
//! ```

use abi::Error;
use pagetable::PhysAddr;

use super::arena::BLOCK;
use super::descriptor::{FREE, NONE, Owner, ZEROED};
use super::{Frames, address};
use crate::mm::{Budget, PAGE_BYTES};

/// Rows that are looked at for the price of one walk.
const ROWS: u64 = 8;
/// Frames of a run that are taken for the price of one page.
const TAKEN: u32 = 64;

/// Which run is looked for, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSearch {
    count: u64,
    align: u64,
    arena: usize,
    /// First frame of the run that may be.
    first: u64,
    /// The frames from `first` up to here were free.
    checked: u64,
}

impl RunSearch {
    /// For `count` frames that follow each other, the first at a multiple of `align` frames (a power of two).
    pub fn new(count: u32, align: u32) -> Result<RunSearch, Error> {
        if count == 0 || !align.is_power_of_two() {
            return Err(Error::BadArgument);
        }
        Ok(RunSearch {
            count: count.into(),
            align: align.into(),
            arena: 0,
            first: 0,
            checked: 0,
        })
    }

    /// How many frames it looks for.
    pub fn count(&self) -> u32 {
        self.count as u32
    }

    /// The first frame is at a multiple of so many bytes.
    pub fn align_bytes(&self) -> u64 {
        self.align * PAGE_BYTES
    }

    /// No run begins before `frame`.
    fn start_at(&mut self, frame: u64) {
        self.first = frame.next_multiple_of(self.align);
        self.checked = self.first;
    }
}

impl Frames {
    /// Goes on with a search as far as the budget reaches; whether the run is there now: the lowest of the first
    /// arena that has one. Until it is taken no other call may have a turn. `OutOfMemory` when there is none.
    pub fn search_run(
        &mut self,
        search: &mut RunSearch,
        budget: &mut Budget,
    ) -> Result<bool, Error> {
        if self.available < search.count() {
            return Err(Error::OutOfMemory);
        }
        loop {
            let arena = self.arenas().get(search.arena).ok_or(Error::OutOfMemory)?;
            let (start, end, fresh) = (arena.first, arena.end, arena.fresh);
            if search.first < start {
                search.start_at(start);
            }
            let behind = search.first.checked_add(search.count);
            let Some(behind) = behind.filter(|&behind| behind <= end) else {
                (search.arena, search.first) = (search.arena + 1, 0);
                continue;
            };
            if budget.is_spent() {
                return Ok(false);
            }
            if search.checked < behind {
                budget.look();
                self.check_some(search, behind, fresh);
            } else if fresh < behind {
                budget.pages(1);
                self.raise_watermark(search.arena, fresh + BLOCK);
            } else if let Some(taken) = self.last_taken(search.first, behind) {
                budget.pages(search.count() / TAKEN + 1);
                search.start_at(taken + 1);
            } else {
                return Ok(true);
            }
        }
    }

    /// Takes the run that a search has found; `owner` says whose each frame is, by its place in it. `None` if it is
    /// not there, as when others had a turn meanwhile.
    pub fn take_found(
        &mut self,
        search: &RunSearch,
        budget: &mut Budget,
        owner: impl Fn(u32) -> Owner,
    ) -> Option<PhysAddr> {
        let (first, behind) = (search.first, search.first + search.count);
        let arena = self.arenas().get(search.arena)?;
        let is_inside = arena.first <= first && behind <= arena.fresh;
        let is_there = is_inside && self.last_taken(first, behind).is_none();
        if !is_there || !self.may_alloc(search.count()) {
            return None;
        }
        budget.pages(search.count() / TAKEN);
        self.take_run(search.arena, first, search.count(), owner)
            .ok()?;
        Some(address(first as u32))
    }

    /// Looks at the next frames of a run that ends at `behind`.
    fn check_some(&self, search: &mut RunSearch, behind: u64, fresh: u64) {
        let from = search.checked;
        if from == u64::from(NONE) {
            search.start_at(from + 1);
            return;
        }
        if from >= fresh {
            // Behind the watermark all is as boot left it.
            let mut spans = self.ram.free().iter();
            match spans.find(|span| from < span.end) {
                Some(span) if span.contains(from) => search.checked = span.end.min(behind),
                Some(span) => search.start_at(span.first),
                None => search.start_at(behind),
            }
            return;
        }
        let end = behind.min(fresh).min(from + ROWS);
        let is_free =
            |&number: &u64| matches!(self.table[self.index(number as u32)].state(), FREE | ZEROED);
        match (from..end).rfind(|number| !is_free(number)) {
            Some(taken) => search.start_at(taken + 1),
            None => search.checked = end,
        }
    }

    /// The last frame of a run, of written rows, that is not in a free list. Zeroed ones are put there first.
    fn last_taken(&mut self, first: u64, behind: u64) -> Option<u64> {
        self.give_up_zeroed();
        (first..behind).rfind(|&number| self.table[(number - self.first) as usize].state() != FREE)
    }
}
