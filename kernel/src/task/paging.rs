//! Tasks that wait for a page: asked of the store when it is touched, entered when it has come.
//!
//! ```text
//!   fault or call ─► resolve ─► Wait ─► await_page: Paging                 the timer: pages_arrive
//!                                          │  others run                       │
//!                                          └────────────────────► page_in ─► Ready ─► the same access again
//! ```
//!
//! A page of the backing store comes at once, and the task runs on.
//!
//! The task is left where it was: at the instruction that faulted, or at its `ecall`. Nothing is held for it
//! meanwhile, so it can be killed, stopped and looked at as any other.

use abi::{Error, Fault, Source};

use super::page_in::PageIn;
use super::slot::Slot;
use super::state::SchedState;
use crate::mm::{PageInFailed, PageRequest, Resolution, page_in};
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// The running task waits for a page. `OutOfMemory` if that page has just come and found no frame, `StoreCorrupt` if
    /// it is not what was stored: the access fails.
    pub fn await_page(&mut self, request: PageRequest, source: Source) -> Result<(), Error> {
        let slot = self.local.schedule.current();
        if self.is_stored(slot, request) {
            if let Some(resolution) = self.page_back(slot, request)? {
                self.record_page(slot, request, source, &resolution);
            }
            return Ok(());
        }
        let now = self.local.platform.ticks();
        let last = self.tasks.at_mut(slot).page_in.replace(PageIn {
            request,
            source,
            failed: false,
        });
        if last.is_some_and(|last| last.failed && last.request.page() == request.page()) {
            return Err(Error::OutOfMemory);
        }
        let until = self.store.submit(now);
        self.tasks.set_state(slot, SchedState::Paging { until });
        self.local.schedule.request_resched();
        Ok(())
    }

    /// Wakes those whose tick has come by now, in the order of the ticks. Pages that have come are entered.
    pub fn wake_due(&mut self, now: u64) {
        while let Some(slot) = self.tasks.first_due(now) {
            match self.tasks.at(slot).state() {
                SchedState::Paging { .. } => self.page_arrives(slot),
                SchedState::OnAddress { .. }
                | SchedState::Receiving { .. }
                | SchedState::AwaitingPressure { .. } => {
                    let context = &mut self.tasks.at_mut(slot).context;
                    context.answer(Error::TimedOut.to_a0(), None);
                }
                _ => {}
            }
            self.tasks.set_state(slot, SchedState::Ready);
            self.local.schedule.request_resched();
        }
    }

    fn page_arrives(&mut self, slot: Slot) {
        let Some(PageIn {
            request, source, ..
        }) = self.tasks.at(slot).page_in
        else {
            return;
        };
        self.shoot_down(slot);
        let resolution = loop {
            let space = self.tasks.space_mut(slot);
            let (frames, platform) = (&mut self.frames, &mut self.local.platform);
            match page_in(space, frames, platform, request) {
                Ok(Some(resolution)) => break resolution,
                // A debugger brought it in, or its region went.
                Ok(None) => return,
                Err(PageInFailed::NoFrame) if self.reclaim_for(slot) => {}
                Err(_) => {
                    // The failure is reported when the task makes the access again: its end, or the call's, belongs there.
                    if let Some(waited) = &mut self.tasks.at_mut(slot).page_in {
                        waited.failed = true;
                    }
                    return;
                }
            }
        };
        self.count_major(slot);
        self.record_page(slot, request, source, &resolution);
    }

    /// A page has come from a store for a thread.
    pub(super) fn count_major(&mut self, slot: Slot) {
        let counts = &mut self.tasks.at_mut(slot).paging;
        counts.major = counts.major.wrapping_add(1);
        self.paging.major += 1;
    }

    /// A page has come that a thread wanted.
    fn record_page(
        &mut self,
        slot: Slot,
        request: PageRequest,
        source: Source,
        resolution: &Resolution,
    ) {
        let (thread, process) = self.tasks.parts_mut(slot);
        if source == Source::Kernel {
            thread.faults = thread.faults.wrapping_add(1);
            thread.paging.in_calls = thread.paging.in_calls.wrapping_add(1);
            self.paging.in_calls += 1;
        }
        self.local.log.push(&Fault {
            time: self.local.platform.ticks(),
            epc: thread.context.pc as u64,
            va: request.va.raw(),
            task: thread.tid,
            cause: request.access.page_fault().number(),
            access: request.access.number(),
            source: source.number(),
            satp: process.space.satp(),
            ..resolution.record()
        });
        self.fault_recorded();
    }
}
