//! `hbreak`: the hart's own triggers, through the firmware (SBI DBTR); a breakpoint in memory where it has none.
//!
//! A trigger knows an address and no program, and programs share addresses. So one is armed only while a task
//! of its program is on the hart.

use gdbstub::target::TargetResult;
use gdbstub::target::ext::breakpoints::HwBreakpoint;
use pagetable::VirtAddr;

use crate::mm::source;
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;

impl<P: Platform> HwBreakpoint for System<P> {
    fn add_hw_breakpoint(&mut self, at: usize, bytes: usize) -> TargetResult<bool, Self> {
        let used = self.debugger.breakpoints.all().iter().flatten();
        let used = used.filter(|one| one.set && one.hard).count();
        let hard = used < self.local.platform.triggers();
        if !hard && !self.debugger.told_soft {
            self.debugger.told_soft = true;
            self.announce(
                "hbreak: no trigger of this hart is free; a breakpoint in memory is used\n",
            );
        }
        self.local.schedule.forget_loaded();
        Ok(matches!(bytes, 2 | 4) && self.set_break(at as u64, bytes as u8, hard).is_ok())
    }

    fn remove_hw_breakpoint(&mut self, at: usize, _bytes: usize) -> TargetResult<bool, Self> {
        Ok(self.unset_breaks(at as u64))
    }
}

impl<P: Platform> System<P> {
    /// Arms the triggers of the program that a task runs, and no others: the task comes onto the hart.
    #[cold]
    #[inline(never)]
    pub fn arm_triggers(&mut self, slot: Slot) {
        let space = &self.tasks.at(slot).space;
        for one in self.debugger.breakpoints.all_mut().iter_mut().flatten() {
            let is_due =
                one.hard && one.set && source(space, VirtAddr::new(one.at)) == Some(one.source);
            match (is_due, one.armed) {
                (true, None) => one.armed = self.local.platform.arm_trigger(one.at as usize),
                (false, Some(trigger)) => {
                    self.local.platform.disarm_trigger(trigger);
                    one.armed = None;
                }
                _ => {}
            }
        }
    }
}
