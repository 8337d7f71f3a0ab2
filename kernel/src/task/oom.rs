//! No frame is left, and none can be reclaimed: another process may end for the one that faults.
//!
//! The fault is left as it is: its thread runs into it again when what ended has freed its memory, a piece at a time.

use super::exec::{self, KILLED};
use super::slot::Slot;
use super::state::SchedState;
use crate::fault::OomPolicy;
use crate::platform::Platform;
use crate::system::System;

/// What ends for its frames goes first: a thread that waits for them must not keep it from ending.
const ENDING_PRIORITY: u8 = u8::MAX;

impl<P: Platform> System<P> {
    /// Is the fault of the running thread to be tried again, as a process frees its memory? `oom=kill-largest` ends one that has
    /// more pages than the thread's own, if there is one.
    pub fn kills_for_frames(&mut self) -> bool {
        if self.oom == OomPolicy::KillFaulter {
            return false;
        }
        let current = self.local.schedule.current();
        let ending = self.tasks.processes().find(|process| {
            let state = self.tasks.at(process.first).state();
            matches!(state, SchedState::Ending { .. })
        });
        let victim = match ending.map(|process| process.first) {
            Some(first) => first,
            None => match self.largest(current) {
                Some(victim) => {
                    self.announce_sacrifice(victim);
                    exec::exit_process(self, victim, KILLED);
                    victim
                }
                None => return false,
            },
        };
        if let SchedState::Ending { .. } = self.tasks.at(victim).state() {
            self.tasks.set_priority(victim, ENDING_PRIORITY);
        }
        self.local.schedule.request_resched();
        true
    }

    /// The first thread of the process that has most pages, in memory and in the store; `None` if it is that of the
    /// thread at `current`. Of equals that one ends.
    fn largest(&self, current: Slot) -> Option<Slot> {
        let own = self.tasks.process(current);
        let pages = |slot: Slot| {
            let space = self.tasks.space(slot);
            space.resident() + space.swapped()
        };
        let others = self.tasks.processes().filter(|process| {
            let is_alive = self.tasks.at(process.first).is_alive();
            is_alive && process.pid != own.pid && process.pid != self.shell
        });
        let largest = others
            .map(|process| process.first)
            .max_by_key(|first| pages(*first))?;
        (pages(largest) > pages(own.first)).then_some(largest)
    }
}
