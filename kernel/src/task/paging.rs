//! Tasks that wait for a page: asked of the store when it is touched, entered when it has come.
//!
//! ```text
//!   fault or call ─► resolve ─► Wait ─► await_page: Paging                 the timer: pages_arrive
//!                                          │  others run                       │
//!                                          └────────────────────► page_in ─► Ready ─► the same access again
//! ```
//!
//! The task is left where it was: at the instruction that faulted, or at its `ecall`. Nothing is held for it
//! meanwhile, so it can be killed, stopped and looked at as any other.

use abi::{Error, Fault, Source};

use super::page_in::PageIn;
use super::slot::Slot;
use super::state::SchedState;
use crate::mm::{PageRequest, page_in};
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// The running task waits for a page. `OutOfMemory` if that page has just come and found no frame: the access fails.
    pub fn await_page(&mut self, request: PageRequest, source: Source) -> Result<(), Error> {
        let slot = self.local.schedule.current();
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
                SchedState::OnAddress { .. } | SchedState::Receiving { .. } => {
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
        let (thread, process) = self.tasks.parts_mut(slot);
        let Some(waited) = &mut thread.page_in else {
            return;
        };
        let (frames, platform) = (&mut self.frames, &mut self.local.platform);
        let resolution = match page_in(&mut process.space, frames, platform, waited.request) {
            Ok(Some(resolution)) => resolution,
            // A debugger brought it in, or its region went.
            Ok(None) => return,
            Err(_) => {
                // The failure is reported when the task makes the access again: its end, or the call's, belongs there.
                waited.failed = true;
                return;
            }
        };
        let PageIn {
            request, source, ..
        } = *waited;
        if source == Source::Kernel {
            thread.faults = thread.faults.wrapping_add(1);
        }
        self.local.log.push(&Fault {
            time: platform.ticks(),
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
