//! Begins a system call on many pages, or goes on with one that one entry was not enough for.

use abi::Error;

use super::call_result::CallResult;
use super::unfinished::{Begun, CallKey, Rest, Unfinished};
use crate::mm::{Budget, Frames, JobProgress, MapRequest, Placement, Space, Unreached};
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// Begins a call of the running task, or goes on with it.
    pub(super) fn go_on(
        &mut self,
        key: CallKey,
        begin: impl FnOnce(&mut Space, &mut Frames, &mut P) -> Result<Begun, Error>,
    ) -> Result<CallResult, Unreached> {
        self.go_on_within(
            &mut Budget::of_an_entry(),
            key,
            |space, frames, platform, _| begin(space, frames, platform),
        )
    }

    /// The same for a wired region: its frames are looked for first, in as many entries as that takes.
    pub(super) fn go_on_wired(
        &mut self,
        key: CallKey,
        place: Placement,
        wanted: &MapRequest,
    ) -> Result<CallResult, Unreached> {
        let mut budget = Budget::of_an_entry();
        let (task, frames) = (
            self.tasks.at_mut(self.local.schedule.current()),
            &mut self.frames,
        );
        let mut found = None;
        let left = task.unfinished.take().filter(|left| left.key == key);
        if let Some(Unfinished {
            rest: Rest::Job { .. },
            ..
        }) = left
        {
            task.unfinished = left;
        } else {
            let mut search = match left {
                Some(Unfinished {
                    rest: Rest::Search(search),
                    ..
                }) => search,
                _ => Space::search_wired::<P>(place, wanted, frames)?,
            };
            if !frames.search_run(&mut search, &mut budget)? {
                let rest = Rest::Search(search);
                task.unfinished = Some(Unfinished { key, rest });
                return Ok(CallResult::Again);
            }
            found = Some(search);
        }
        self.go_on_within(&mut budget, key, |space, frames, platform, budget| {
            let found = found.ok_or(Error::OutOfMemory)?;
            let memory = (frames, platform);
            let (base, job) = space.begin_wired(place, wanted, &found, budget, memory)?;
            Ok((base.raw() as usize, Some(job)))
        })
    }

    fn go_on_within(
        &mut self,
        budget: &mut Budget,
        key: CallKey,
        begin: impl FnOnce(&mut Space, &mut Frames, &mut P, &mut Budget) -> Result<Begun, Error>,
    ) -> Result<CallResult, Unreached> {
        let (task, process) = self.tasks.parts_mut(self.local.schedule.current());
        let (frames, platform) = (&mut self.frames, &mut self.local.platform);
        let space = &mut process.space;
        let left = task.unfinished.take().filter(|left| left.key == key);
        let (answer, job) = match left {
            Some(Unfinished {
                rest: Rest::Job { job, answer },
                ..
            }) => (answer, Some(job)),
            _ => begin(space, frames, platform, budget)?,
        };
        let Some(mut job) = job else {
            return Ok(CallResult::One(answer));
        };
        let progress = space.go_on(&mut job, budget, frames, platform);
        if progress != JobProgress::Done {
            let rest = Rest::Job { job, answer };
            task.unfinished = Some(Unfinished { key, rest });
        }
        match progress {
            JobProgress::Done => Ok(CallResult::One(answer)),
            JobProgress::More => Ok(CallResult::Again),
            JobProgress::Wait(request) => Err(Unreached::Wait(request)),
            JobProgress::NoFrame => Err(Error::OutOfMemory.into()),
        }
    }
}
