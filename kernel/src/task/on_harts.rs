//! Threads on several harts: which one runs where, and whom a change concerns.

use super::slot::Slot;
use super::state::SchedState;
use super::switch;
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// The hart with that index has the lock now, for which it has had to wait that many times since boot.
    pub fn take_over(&mut self, index: usize, contended: u64) {
        self.harts.exchange(index, &mut self.local);
        let instructions = match self.boot.first_instruction {
            Some(_) => self.local.platform.instructions_retired(),
            None => 0,
        };
        self.harts.took_lock(index, contended, instructions);
    }

    /// Is the space of the thread's process active on another hart?
    pub fn is_active_elsewhere(&self, slot: Slot) -> bool {
        self.harts.are_several() && {
            let pid = self.tasks.process(slot).pid;
            self.harts.is_active_elsewhere(pid)
        }
    }

    /// Does any other hart run a thread?
    pub fn others_run(&self) -> bool {
        self.harts.are_several() && self.harts.elsewhere().next().is_some()
    }

    /// The thread that gdb lets run alone, if it can.
    #[cold]
    #[inline(never)]
    pub fn next_alone(&self, only: Slot) -> Option<Slot> {
        let state = self.tasks.at(only).state();
        // The end of its wait is the exception handler's to bring about.
        let handler = self.tasks.process(only).handler;
        if let (SchedState::AwaitingHandler, Some(handler)) = (state, handler)
            && handler.thread != only
        {
            return self.next_alone(handler.thread);
        }
        let can_run = matches!(state, SchedState::Ready | SchedState::Ending { .. });
        (can_run && !self.is_active_elsewhere(only)).then_some(only)
    }

    /// The next thread that has a turn, and whose space no other hart has active.
    #[inline(never)]
    pub fn next_free(&self) -> Option<Slot> {
        let first = self.tasks.next_ready()?;
        if !self.is_active_elsewhere(first) {
            return Some(first);
        }
        // Rare: its process has another thread that runs, or ends on another hart.
        let ready = self.tasks.iter().filter(|(_, thread)| {
            matches!(
                thread.state(),
                SchedState::Ready | SchedState::Ending { .. }
            )
        });
        let free = ready.filter(|(slot, _)| !self.is_active_elsewhere(*slot));
        free.max_by_key(|(_, thread)| thread.priority())
            .map(|(slot, _)| slot)
    }

    /// Another hart ended the thread that this one runs: takes it off the hart. Only then its memory goes.
    pub fn drop_ended_thread(&mut self) -> bool {
        let schedule = &self.local.schedule;
        let hart = self.harts.current() as u8;
        let is_lost = schedule.is_occupied()
            && self.tasks.at(schedule.current()).state() != SchedState::Running { hart };
        if is_lost {
            self.local.platform.leave_spaces();
            self.local.schedule.vacate();
            self.harts.count().shootdowns += 1;
        }
        is_lost
    }

    /// The harts that have to look at what has changed, a bit for each index: to run what has become ready, to
    /// let go of a thread that was ended, or to stand because gdb wants to look.
    pub fn harts_to_interrupt(&self) -> u32 {
        let stops = self.debugger_wants_stop();
        let mut mask = 0;
        for (index, slot) in self.harts.elsewhere() {
            let hart = index as u8;
            if stops || self.tasks.at(slot).state() != (SchedState::Running { hart }) {
                mask |= 1 << index;
            }
        }
        // One: when it has its thread, it looks whether there is another for the next.
        if !stops
            && switch::has_work(self)
            && let Some(idle) = self.harts.idle()
        {
            mask |= 1 << idle;
        }
        mask
    }
}
