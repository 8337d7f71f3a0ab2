//! A system call on many pages that one entry was not enough for.
//!
//! The task stays at its `ecall`: interrupts are taken there, others may run, the key that ends it
//! ends it. When it makes the same call again from the same place, the call goes on. A task that
//! does anything else, because a debugger sent it elsewhere, begins again: see [`Job`].

use super::context::Context;
use crate::mm::{Job, PageOut, RunSearch};

/// Which call it is: all that the registers say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallKey {
    pc: usize,
    call: usize,
    arguments: [usize; 5],
}

impl CallKey {
    /// Of the call that the registers ask for.
    pub fn of(context: &Context) -> CallKey {
        CallKey {
            pc: context.pc,
            call: context.call(),
            arguments: core::array::from_fn(|n| context.argument(n)),
        }
    }
}

/// A call, how far it is done, and what it will answer.
#[derive(Clone, Copy, Debug)]
pub struct Unfinished {
    pub(super) key: CallKey,
    pub(super) rest: Rest,
}

/// What is left of a call.
#[derive(Clone, Copy, Debug)]
pub enum Rest {
    /// Frames that follow each other are looked for; nothing has changed yet.
    Search(RunSearch),
    /// Pages of a range go out of memory.
    PageOut(PageOut),
    /// Work on a range, and what the call will answer.
    Job {
        /// The work.
        job: Job,
        /// The answer.
        answer: usize,
    },
}

/// What a call on a range begins with: its answer, and what is left to do.
pub type Begun = (usize, Option<Job>);
