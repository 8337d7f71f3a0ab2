//! Begins a system call on many pages, or goes on with one that one entry was not enough for.

use abi::Error;

use super::call_result::CallResult;
use super::unfinished::{Begun, CallKey, Unfinished};
use crate::mm::{Budget, Frames, JobProgress, Space, Unreached};
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// Begins a call of the running task, or goes on with it.
    pub(super) fn go_on(
        &mut self,
        key: CallKey,
        begin: impl FnOnce(&mut Space, &mut Frames, &mut P) -> Result<Begun, Error>,
    ) -> Result<CallResult, Unreached> {
        let task = self.tasks.at_mut(self.local.schedule.current());
        let (space, frames, platform) =
            (&mut task.space, &mut self.frames, &mut self.local.platform);
        let left = task.unfinished.take().filter(|left| left.key == key);
        let (answer, job) = match left {
            Some(Unfinished { answer, job, .. }) => (answer, Some(job)),
            None => begin(space, frames, platform)?,
        };
        let Some(mut job) = job else {
            return Ok(CallResult::One(answer));
        };
        let progress = space.go_on(&mut job, &mut Budget::of_an_entry(), frames, platform);
        if progress != JobProgress::Done {
            task.unfinished = Some(Unfinished { key, job, answer });
        }
        match progress {
            JobProgress::Done => Ok(CallResult::One(answer)),
            JobProgress::More => Ok(CallResult::Again),
            JobProgress::Wait(request) => Err(Unreached::Wait(request)),
        }
    }
}
