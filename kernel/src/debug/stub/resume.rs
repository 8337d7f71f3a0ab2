//! How the programs go on: all of them, or one alone; and which of them by one step.

use core::convert::Infallible;

use gdbstub::common::{Signal, Tid};
use gdbstub::target::ext::base::multithread::{
    MultiThreadResume, MultiThreadSchedulerLocking, MultiThreadSchedulerLockingOps,
    MultiThreadSingleStep, MultiThreadSingleStepOps,
};

use super::debugger::Plan;
use super::threads::slot_of;
use crate::platform::Platform;
use crate::system::System;
use crate::task::exec;

impl<P: Platform> MultiThreadResume for System<P> {
    fn resume(&mut self) -> Result<(), Infallible> {
        let alone = self
            .debugger
            .plan
            .step
            .filter(|slot| self.steps_alone(*slot));
        let plan = &mut self.debugger.plan;
        plan.only = plan.named.filter(|_| plan.locked).or(alone);
        Ok(())
    }

    fn clear_resume_actions(&mut self) -> Result<(), Infallible> {
        if !self.debugger.plan.replayed {
            self.debugger.plan = Plan::EMPTY;
        }
        Ok(())
    }

    /// With a signal, the task gets what it was stopped for; there are no signal handlers, so it ends.
    fn set_resume_action_continue(
        &mut self,
        tid: Tid,
        signal: Option<Signal>,
    ) -> Result<(), Infallible> {
        let slot = slot_of(self, tid);
        let plan = &mut self.debugger.plan;
        plan.named = slot;
        if let (Some(slot), Some(signal)) = (slot, signal) {
            plan.dies = Some((slot, 128_u8.wrapping_add(signal.0)));
        }
        Ok(())
    }

    fn support_single_step(&mut self) -> Option<MultiThreadSingleStepOps<'_, Self>> {
        Some(self)
    }

    fn support_scheduler_locking(&mut self) -> Option<MultiThreadSchedulerLockingOps<'_, Self>> {
        Some(self)
    }
}

impl<P: Platform> MultiThreadSingleStep for System<P> {
    fn set_resume_action_step(
        &mut self,
        tid: Tid,
        signal: Option<Signal>,
    ) -> Result<(), Infallible> {
        self.set_resume_action_continue(tid, signal)?;
        self.debugger.plan.step = slot_of(self, tid);
        Ok(())
    }
}

impl<P: Platform> MultiThreadSchedulerLocking for System<P> {
    fn set_resume_action_scheduler_lock(&mut self) -> Result<(), Infallible> {
        self.debugger.plan.locked = true;
        Ok(())
    }
}

impl<P: Platform> System<P> {
    /// Does what gdb decided, as far as it is not the scheduler's to do.
    pub(super) fn carry_out_plan(&mut self) {
        if let Some((slot, status)) = self.debugger.plan.dies.take() {
            exec::exit_process(self, slot, status);
            self.debugger.plan = Plan::EMPTY;
        } else if let Some(slot) = self.debugger.plan.step.take() {
            self.insert_step(slot);
        }
    }
}
