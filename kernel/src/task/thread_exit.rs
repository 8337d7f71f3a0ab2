//! The end of a thread: its stack is freed piece by piece, and the thread that joins it gets its value.

use abi::Error;
use pagetable::VirtAddr;

use super::slot::Slot;
use super::state::SchedState;
use super::thread::StackRange;
use super::unfinished::{CallKey, Rest, Unfinished};
use crate::mm::{Budget, JobProgress};
use crate::platform::Platform;
use crate::system::System;

/// Frees the stack of a thread that ends, as much as one entry may; true once it has ended.
pub(super) fn go_on_ending<P: Platform>(system: &mut System<P>, slot: Slot) -> bool {
    let (thread, process) = system.tasks.parts_mut(slot);
    let (frames, platform) = (&mut system.frames, &mut system.local.platform);
    let job = match &thread.unfinished {
        Some(Unfinished {
            rest: Rest::Job { job, .. },
            ..
        }) => {
            let job = *job;
            thread.unfinished = None;
            Some(job)
        }
        _ => {
            let StackRange { base, end } = thread.stack;
            let begun =
                process
                    .space
                    .begin_unmap_stack(VirtAddr::new(base), end - base, frames, platform);
            // What the program itself has taken apart stays until the process ends.
            begun.unwrap_or(None)
        }
    };
    if let Some(mut job) = job {
        let mut budget = Budget::of_an_entry();
        if process.space.go_on(&mut job, &mut budget, frames, platform) != JobProgress::Done {
            let key = CallKey::of(thread.context);
            let rest = Rest::Job { job, answer: 0 };
            thread.unfinished = Some(Unfinished { key, rest });
            return false;
        }
    }
    process.threads -= 1;
    thread.stack = StackRange::default();
    let (tid, value) = (thread.tid, thread.value);
    let mut siblings = system.tasks.siblings(slot);
    let joiner = siblings.find(|(_, other)| other.state() == SchedState::Joining { thread: tid });
    let joiner = joiner.map(|(joiner, _)| joiner);
    drop(siblings);
    match joiner {
        None => system.tasks.set_state(
            slot,
            SchedState::Exited {
                status: value as u8,
            },
        ),
        Some(joiner) => {
            system.tasks.remove(slot);
            let context = &mut system.tasks.at_mut(joiner).context;
            context.answer(tid.into(), Some(value));
            system.tasks.set_state(joiner, SchedState::Ready);
            refuse_other_joiners(system, joiner, tid);
            system.local.schedule.request_resched();
        }
    }
    true
}

/// A thread is joined once.
fn refuse_other_joiners<P: Platform>(system: &mut System<P>, slot: Slot, tid: u16) {
    let process = system.tasks.at(slot).process;
    for other in system.tasks.existing() {
        let thread = system.tasks.at_mut(other);
        if thread.process == process && thread.state() == (SchedState::Joining { thread: tid }) {
            thread.context.answer(Error::NoSuchTask.to_a0(), None);
            system.tasks.set_state(other, SchedState::Ready);
        }
    }
}
