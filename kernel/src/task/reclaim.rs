//! Memory is short: which spaces may give pages, and who asks again when frames are free.
//!
//! A fault or a call that was refused for want of frames has changed nothing. Frames are reclaimed, and it is made again: a
//! fault at once, a call by leaving its thread at the `ecall`.

use abi::Error;

use super::slot::Slot;
use super::table::Tasks;
use crate::harts::Harts;
use crate::mm::{PageInFailed, PageRequest, ReclaimSpaces, Resolution, Space, page_in, reclaim};
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
    /// Frees some frames; false where none can be freed, as always without a store.
    fn reclaim(&mut self, wanted: u32, for_page_in: bool) -> bool {
        let mut spaces = ProcessSpaces {
            tasks: &mut *self.tasks,
            harts: &self.harts,
        };
        let (frames, platform) = (&mut self.frames, &mut self.local.platform);
        let how = (wanted, for_page_in);
        reclaim(frames, platform, &mut spaces, &self.objects, how).frames > 0
    }

    /// Frees frames for a fault that found none; false if it finds none either the next time.
    pub fn reclaim_for_fault(&mut self) -> bool {
        self.reclaim(BATCH, false)
    }

    /// Frees frames for a call that was refused for want of them; false if it had not lacked them, or none can be freed.
    pub fn reclaim_for_call(&mut self) -> bool {
        self.frames.counts().free() < CALL_BATCH && self.reclaim(CALL_BATCH, false)
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
        for _ in 0..ATTEMPTS {
            let space = self.tasks.space_mut(slot);
            let (frames, platform) = (&mut self.frames, &mut self.local.platform);
            match page_in(space, frames, platform, request) {
                Ok(resolution) => return Ok(resolution),
                Err(PageInFailed::Corrupt) => return Err(Error::StoreCorrupt),
                // One at a time when only the last slot is left.
                Err(PageInFailed::NoFrame) if self.reclaim(BATCH, false) => {}
                Err(PageInFailed::NoFrame) if self.reclaim(1, true) => {}
                Err(PageInFailed::NoFrame) => break,
            }
        }
        Err(Error::OutOfMemory)
    }
}
