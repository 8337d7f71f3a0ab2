//! Memory is short: which spaces may give pages, and who asks again when frames are free.
//!
//! A fault or a call that was refused for want of frames has changed nothing. Frames are reclaimed, and it is made again: a
//! fault at once, a call by leaving its thread at the `ecall`.

use abi::Error;
use pagetable::PhysAddr;

use super::slot::Slot;
use super::table::Tasks;
use crate::harts::Harts;
use crate::mm::{
    Budget, Frames, NotEvicted, Objects, PageInFailed, PageOut, PageRequest, ReclaimSpaces,
    Resolution, Space, evict_frame, page_in, page_out, reclaim,
};
use crate::platform::Platform;
use crate::system::System;

/// Frames that are reclaimed at once: a page needs three at most, and what comes next is likely to need more.
const BATCH: u32 = 8;
/// The same for a call, which may need several pages and tables at a time: to start a program takes the most.
const CALL_BATCH: u32 = 32;
/// How often a call or a fault asks for frames before it counts as one that can not be helped.
const ATTEMPTS: u32 = 8;

/// The spaces of all processes, as the evictor sees them.
struct ProcessSpaces<'a, P: Platform> {
    tasks: &'a mut Tasks,
    harts: &'a Harts<P>,
}

impl<P: Platform> ReclaimSpaces for ProcessSpaces<'_, P> {
    fn get(&mut self, id: u16) -> Option<&mut Space> {
        if self.harts.is_active_elsewhere(id) {
            return None;
        }
        self.tasks.space_of(id)
    }

    fn each(&mut self, mut see: impl FnMut(&mut Space, bool)) {
        for process in self.tasks.processes_mut() {
            let is_busy = self.harts.is_active_elsewhere(process.pid);
            see(&mut process.space, is_busy);
        }
    }
}

impl<P: Platform> System<P> {
    /// Frees some frames for the thread at `slot`; false where none can be freed, as always without a store.
    fn reclaim(&mut self, slot: Slot, wanted: u32, for_page_in: bool) -> bool {
        self.with_spaces(slot, |spaces, frames, platform, objects| {
            reclaim(frames, platform, spaces, objects, (wanted, for_page_in)).frames > 0
        })
    }

    /// Does what moves pages of any process, and counts it for the thread at `slot`.
    fn with_spaces<T>(
        &mut self,
        slot: Slot,
        deed: impl FnOnce(&mut ProcessSpaces<P>, &mut Frames, &mut P, &Objects) -> T,
    ) -> T {
        self.shoot_down_all();
        let before = self.frames.moved();
        let mut spaces = ProcessSpaces {
            tasks: &mut *self.tasks,
            harts: &self.harts,
        };
        let (frames, platform) = (&mut self.frames, &mut self.local.platform);
        let done = deed(&mut spaces, frames, platform, &self.objects);
        let counts = &mut self.tasks.at_mut(slot).paging;
        counts.add(before, self.frames.moved());
        done
    }

    /// Frees frames for a fault of the running thread that found none; false if it finds none either the next time.
    pub fn reclaim_for_fault(&mut self) -> bool {
        self.reclaim_for(self.local.schedule.current())
    }

    /// The same for a thread that may not run.
    pub(super) fn reclaim_for(&mut self, slot: Slot) -> bool {
        self.stalled(|system| system.reclaim(slot, BATCH, false))
    }

    /// Frees frames for a call that was refused for want of them; false if it had not lacked them, or none can be freed.
    pub fn reclaim_for_call(&mut self) -> bool {
        let slot = self.local.schedule.current();
        self.frames.counts().free() < CALL_BATCH
            && self.stalled(|system| system.reclaim(slot, CALL_BATCH, false))
    }

    /// Empties a frame of the pool that is given out.
    pub(super) fn evict_frame(&mut self, frame: PhysAddr) -> Result<(), NotEvicted> {
        let slot = self.local.schedule.current();
        self.with_spaces(slot, |spaces, frames, platform, objects| {
            evict_frame(frames, platform, spaces, objects, frame)
        })
    }

    /// The next piece of a range of the thread's process goes out of memory; true if that was the last one.
    pub(super) fn page_out_some(
        &mut self,
        slot: Slot,
        range: &mut PageOut,
        budget: &mut Budget,
    ) -> Result<bool, Error> {
        let id = self.tasks.process(slot).pid;
        self.with_spaces(slot, |spaces, frames, platform, objects| {
            page_out(frames, platform, spaces, objects, (id, range, budget))
        })
    }

    /// Is the page that a thread waits for in the backing store, whose pages come at once?
    pub fn is_stored(&self, slot: Slot, request: PageRequest) -> bool {
        let space = self.tasks.space(slot);
        self.frames.backing.is_there() && space.is_stored(&self.local.platform, request.va)
    }

    /// Brings a page back from the backing store for the thread at `slot`, in exchange for others if need be. `None`
    /// where it is not wanted any more. `OutOfMemory`, or `StoreCorrupt`: the access fails.
    pub fn page_back(
        &mut self,
        slot: Slot,
        request: PageRequest,
    ) -> Result<Option<Resolution>, Error> {
        self.stalled(|system| system.page_back_now(slot, request))
    }

    fn page_back_now(
        &mut self,
        slot: Slot,
        request: PageRequest,
    ) -> Result<Option<Resolution>, Error> {
        for _ in 0..ATTEMPTS {
            let space = self.tasks.space_mut(slot);
            let (frames, platform) = (&mut self.frames, &mut self.local.platform);
            match page_in(space, frames, platform, request) {
                Ok(resolution) => {
                    if resolution.is_some() {
                        let counts = &mut self.tasks.at_mut(slot).paging;
                        counts.back = counts.back.wrapping_add(1);
                        self.count_major(slot);
                    }
                    return Ok(resolution);
                }
                Err(PageInFailed::Corrupt) => return Err(Error::StoreCorrupt),
                // One at a time when only the last slot is left.
                Err(PageInFailed::NoFrame) if self.reclaim(slot, BATCH, false) => {}
                Err(PageInFailed::NoFrame) if self.reclaim(slot, 1, true) => {}
                Err(PageInFailed::NoFrame) => break,
            }
        }
        Err(Error::OutOfMemory)
    }
}
