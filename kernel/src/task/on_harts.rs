//! Threads on several harts: which one runs where, and whom a change concerns.

use pagetable::{Pte, VirtAddr};

use super::slot::Slot;
use super::state::SchedState;
use super::switch;
use crate::mm::layout::is_user;
use crate::mm::{Region, table};
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

    /// TLB shootdown: every other hart leaves the space of the thread's process. Until this one gives the lock back, entries
    /// of its tables can be taken out, and their frames given to others, with fences on this hart alone.
    pub fn shoot_down(&mut self, slot: Slot) {
        if self.harts.are_several() {
            let pid = self.tasks.process(slot).pid;
            let platform = &mut self.local.platform;
            self.harts.shoot_down(platform, |active| active == pid);
        }
    }

    /// The same for the spaces of all processes.
    pub fn shoot_down_all(&mut self) {
        if self.harts.are_several() {
            self.harts.shoot_down(&mut self.local.platform, |_| true);
        }
    }

    /// May a load or store at `va` need more than a leaf entered in a table that is there? Then other harts must not use the
    /// tables meanwhile. So each of them finds a new table too: when it comes back, it holds nothing.
    pub fn fault_may_change_entries(&mut self, slot: Slot, va: VirtAddr) -> bool {
        let space = self.tasks.space_mut(slot);
        let stop = table::walk(&self.local.platform, space.root(), va);
        // All have to fetch what a page of text is filled with.
        let is_text = |region: Region| region.prot.execute();
        let enters_only = is_user(P::MODE, va) && stop.level == 0 && stop.entry == 0;
        !enters_only || space.region_at(va).is_some_and(is_text)
    }

    /// Is the page at `va` there, to be read?
    pub fn is_there(&self, slot: Slot, va: VirtAddr) -> bool {
        let root = self.tasks.space(slot).root();
        is_user(P::MODE, va) && {
            let entry = Pte::new(table::walk(&self.local.platform, root, va).entry);
            entry.is_valid() && entry.has(Pte::READ | Pte::ACCESSED)
        }
    }

    /// Another hart had this one leave its space: it goes back to it, for the thread that it still runs.
    pub fn come_back(&mut self) {
        if self.harts.has_left() && self.local.schedule.is_occupied() {
            let process = self.tasks.process(self.local.schedule.current());
            self.local.platform.activate(&process.space);
            // Text may have been written meanwhile.
            self.local.platform.fence_code();
            self.harts.count().shootdowns += 1;
        }
    }

    /// The next thread that has a turn, and that no other hart has to let go of.
    #[inline(never)]
    pub fn next_free(&self) -> Option<Slot> {
        let first = self.tasks.next_ready()?;
        if !self.has_to_wait(first) {
            return Some(first);
        }
        // Rare: its process ends, and another hart has not left it yet.
        let ready = self.tasks.iter().filter(|(_, thread)| {
            matches!(
                thread.state(),
                SchedState::Ready | SchedState::Ending { .. }
            )
        });
        let free = ready.filter(|(slot, _)| !self.has_to_wait(*slot));
        free.max_by_key(|(_, thread)| thread.priority())
            .map(|(slot, _)| slot)
    }

    /// The memory of a process goes when no hart runs a thread of it any more.
    fn has_to_wait(&self, slot: Slot) -> bool {
        let ends = matches!(self.tasks.at(slot).state(), SchedState::Ending { .. });
        ends && self.tasks.process(slot).first == slot && self.is_active_elsewhere(slot)
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
