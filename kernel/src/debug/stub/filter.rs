//! Which faults gdb wants to see: what is kept of it.

use core::fmt;

use abi::Access;

use crate::task::{Slot, SlotSet};

/// Faults that stop their task: all conditions that are given must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchFilter {
    pub(super) task: Option<u16>,
    /// First and last faulting address, both included.
    pub(super) span: Option<(u64, u64)>,
    pub(super) access: Option<Access>,
}

/// The filter, and the tasks whose next fault is let through.
#[derive(Clone, Copy)]
pub struct Catches {
    pub(super) filter: Option<CatchFilter>,
    /// Tasks whose next fault is served without a stop, since gdb has seen it.
    pub(super) through: SlotSet,
}

impl Catches {
    /// No filter: no fault stops its task, and the fast path stays open.
    pub const EMPTY: Catches = Catches {
        filter: None,
        through: SlotSet::NONE,
    };

    /// The task goes on from another place: its next fault is another one.
    pub fn moved(&mut self, slot: Slot) {
        self.through.set(slot, false);
    }
}

impl CatchFilter {
    /// The filter of `catch fault` without arguments: every task, address and access.
    pub(super) const ALL: CatchFilter = CatchFilter {
        task: None,
        span: None,
        access: None,
    };

    /// True if a fault of that task, address and access passes all conditions.
    pub(super) fn takes(&self, task: u16, va: u64, access: Access) -> bool {
        self.task.is_none_or(|wanted| wanted == task)
            && self.span.is_none_or(|(from, to)| (from..=to).contains(&va))
            && self.access.is_none_or(|wanted| wanted == access)
    }
}

impl fmt::Display for CatchFilter {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.access {
            Some(access) => write!(f, "{access} faults")?,
            None => f.write_str("faults")?,
        }
        match self.task {
            Some(task) => write!(f, " of task {task}")?,
            None => f.write_str(" of any task")?,
        }
        match self.span {
            Some((from, to)) if from == to => write!(f, " at {from:#x}"),
            Some((from, to)) => write!(f, " in {from:#x} to {to:#x}"),
            None => Ok(()),
        }
    }
}
