//! What a line needs that takes a look at all of RAM, or at all of a task: counted a piece at a time.
//!
//! Nobody may make the kernel count two million frames in one entry. A reader's call that is not done when the budget is spent is
//! left at its `ecall` as other long calls are, and the [`Survey`] stands in its task until it makes the call
//! again. What was counted last stands in [`Surveyed`], from where the line takes it.

use abi::Topic;

use super::pmm::{self, FrameCounts};
use super::ws::{self, PageCounts};
use crate::mm::{Auditor, Budget};
use crate::platform::Platform;
use crate::system::System;

/// Which line is prepared, and how far its numbers are.
#[derive(Clone, Copy, Debug)]
pub struct Survey {
    topic: Topic,
    /// The index of the line.
    index: usize,
    count: Count,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Audit(Auditor),
    /// An arena's frames, from frame `at` on.
    Arena {
        at: u64,
        counts: FrameCounts,
    },
    /// A space's pages, from address `va` on.
    Space {
        va: u64,
        counts: PageCounts,
    },
    /// The first line of the dump that is not all free, from that one on.
    Dump {
        line: usize,
    },
}

/// Numbers that were counted last, for the line that asked for them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surveyed {
    /// Of an arena.
    pub frames: FrameCounts,
    /// Of a task.
    pub pages: PageCounts,
    /// A line of the dump; `None` where the rest is free.
    pub line: Option<usize>,
}

impl Survey {
    /// What the line at `index` needs to have counted, if anything. Lines of JSON have no heading.
    fn of(topic: Topic, index: usize, json: bool) -> Option<Survey> {
        let has_numbers = json || index > 0;
        let count = match topic {
            Topic::Audit if index == 0 => Count::Audit(Auditor::BEGIN),
            Topic::Pmm if has_numbers => Count::Arena {
                at: 0,
                counts: FrameCounts::default(),
            },
            Topic::Ws if has_numbers => Count::Space {
                va: 0,
                counts: PageCounts::default(),
            },
            Topic::Dump if !json => Count::Dump { line: index },
            _ => return None,
        };
        Some(Survey {
            topic,
            index,
            count,
        })
    }
}

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
            Count::Audit(auditor) => self.audit_some(auditor, budget),
            Count::Arena { at, counts } => {
                let done = pmm::count(self, nth, at, counts, budget);
                self.surveyed.frames = *counts;
                done
            }
            Count::Space { va, counts } => {
                let task = self.tasks.iter().nth(nth);
                let platform = &self.local.platform;
                let done = task
                    .is_none_or(|(_, task)| ws::count(platform, &task.space, va, counts, budget));
                self.surveyed.pages = *counts;
                done
            }
            Count::Dump { line } => {
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
        let spaces = self.tasks.iter().map(|(_, task)| &task.space);
        let (frames, machine) = (&mut self.frames, &self.local.platform);
        let found = auditor.go_on(frames, machine, spaces, &self.objects, budget);
        if let Some(found) = found {
            self.audited = found;
        }
        found.is_some()
    }
}
