//! Counts over all of RAM or all of a task, in pieces of one entry's budget each.
//!
//! No call may make the kernel count two million frames in one entry. When the budget is spent, the reader's
//! call stays at its `ecall`, as other long calls do, and its task keeps the [`Survey`] until it makes the call
//! again. The finished count is in [`Surveyed`](crate::mm::Surveyed), from where the line takes it.

use abi::Topic;

use super::{pmm, ws};
use crate::mm::{Auditor, Budget, Survey, SurveyCount};
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// Counts what the line at `index` needs, as far as the budget reaches; whether that is all. `left` is what a call before has left.
    pub fn survey(
        &mut self,
        (topic, json): (Topic, bool),
        index: usize,
        left: &mut Option<Survey>,
        budget: &mut Budget,
    ) -> bool {
        let same = |it: &Survey| it.topic == topic && it.index == index;
        let Some(mut survey) = left.take().filter(same).or(Survey::of(topic, index, json)) else {
            return true;
        };
        // The n-th of what a topic lists.
        let nth = if json { index } else { index.wrapping_sub(1) };
        let done = match &mut survey.count {
            SurveyCount::Audit(auditor) => self.audit_some(auditor, budget),
            SurveyCount::Arena { at, counts } => {
                let done = pmm::count(self, nth, at, counts, budget);
                self.surveyed.frames = *counts;
                done
            }
            SurveyCount::Space { va, counts } => {
                let process = self.tasks.processes().nth(nth);
                let platform = &self.local.platform;
                let done = process
                    .is_none_or(|process| ws::count(platform, &process.space, va, counts, budget));
                self.surveyed.pages = *counts;
                done
            }
            SurveyCount::Longest {
                arena,
                at,
                run,
                most,
            } => {
                let done = pmm::longest(self, (arena, at), (run, most), budget);
                self.surveyed.longest = *most;
                done
            }
            SurveyCount::Dump { line } => {
                let found = pmm::next_line(self, line, budget);
                self.surveyed.line = found.unwrap_or(None);
                found.is_some()
            }
        };
        if !done {
            *left = Some(survey);
        }
        done
    }

    fn audit_some(&mut self, auditor: &mut Auditor, budget: &mut Budget) -> bool {
        let spaces = self.tasks.spaces();
        let (frames, machine) = (&mut self.frames, &self.local.platform);
        let found = auditor.go_on(frames, machine, spaces, &self.objects, budget);
        if let Some(found) = found {
            self.audited = found;
        }
        found.is_some()
    }
}
