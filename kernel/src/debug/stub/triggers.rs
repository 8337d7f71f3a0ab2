//! `hbreak`: the hart's own triggers, through the firmware (SBI DBTR); a breakpoint in memory where it has none.
//!
//! A trigger knows an address and no program, and programs share addresses. So one is armed only while a task
//! of its program is on the hart.

use gdbstub::target::TargetResult;
use gdbstub::target::ext::breakpoints::HwBreakpoint;
use pagetable::VirtAddr;

use super::inserted::Break;
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
        for n in 0..self.debugger.breakpoints.used {
            let Some(one) = self.debugger.breakpoints.breaks[n].filter(|one| one.hard) else {
                continue;
            };
            let space = self.tasks.space(slot);
            let is_due = one.set && source(space, VirtAddr::new(one.at)) == Some(one.source);
            let armed = match (is_due, one.armed) {
                (true, None) => self.local.platform.arm_trigger(one.at as usize),
                (false, Some(trigger)) => {
                    self.local.platform.disarm_trigger(trigger);
                    None
                }
                (_, armed) => armed,
            };
            let hard = armed.is_some() || !is_due;
            let one = Break { armed, hard, ..one };
            self.debugger.breakpoints.breaks[n] = Some(one);
            // The firmware would not: in memory, rather than not at all.
            if !hard {
                let _ = self.insert_breakpoint(&one);
            }
        }
    }
}
