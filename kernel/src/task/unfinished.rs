//! A system call on many pages that one entry was not enough for.
//!
//! The task stays at its `ecall`: interrupts are taken there, others may run, the key that ends it
//! ends it. When it makes the same call again from the same place, the call goes on. A task that
//! does anything else, because a debugger sent it elsewhere, begins anew: see [`Job`].

use abi::Error;

use super::call_result::CallResult;
use super::context::Context;
use crate::mm::{Budget, Frames, Job, Space};
use crate::platform::Platform;
use crate::system::System;

/// Which call it is: all that the registers say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pc: usize,
    call: usize,
    arguments: [usize; 5],
}

impl Key {
    /// Of the call that the registers ask for.
    pub fn of(context: &Context) -> Key {
        Key {
            pc: context.pc,
            call: context.call(),
            arguments: core::array::from_fn(|n| context.argument(n)),
        }
    }
}

/// A call, how far it is done, and what it will answer.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished {
    key: Key,
    job: Job,
    answer: usize,
}

/// What a call on a range begins with: its answer, and what is left to do.
pub type Begun = (usize, Option<Job>);

impl<P: Platform> System<P> {
    /// Begins a call of the running task, or goes on with it.
    pub(super) fn go_on(
        &mut self,
        key: Key,
        begin: impl FnOnce(&mut Space, &mut Frames, &mut P) -> Result<Begun, Error>,
    ) -> Result<CallResult, Error> {
        let task = self.tasks.at_mut(self.schedule.current());
        let (space, frames, platform) = (&mut task.space, &mut self.frames, &mut self.platform);
        let left = task.unfinished.take().filter(|left| left.key == key);
        let (answer, job) = match left {
            Some(Unfinished { answer, job, .. }) => (answer, Some(job)),
            None => begin(space, frames, platform)?,
        };
        let Some(mut job) = job else {
            return Ok(CallResult::One(answer));
        };
        if space.go_on(&mut job, &mut Budget::of_an_entry(), frames, platform) {
            return Ok(CallResult::One(answer));
        }
        task.unfinished = Some(Unfinished { key, job, answer });
        Ok(CallResult::Again)
    }
}
