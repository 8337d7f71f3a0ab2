//! A thread: what runs, with registers, a stack and a priority of its own, in the space of its process.

use super::context::{Floats, TrapFrame};
use super::page_in::PageIn;
use super::slot::ProcessSlot;
use super::state::SchedState;
use super::unfinished::{CallKey, Unfinished};
use super::waiters::WaitKey;
use crate::fault::ThreadPaging;
use crate::mm::Survey;

/// Where a thread's stack lies: addresses `base` to `end`, exclusive; both 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackRange {
    /// Its lowest address, at a page.
    pub base: u64,
    /// One past its highest address, at a page.
    pub end: u64,
}

/// One thread. A process' first one has the process' number.
pub struct Thread {
    /// Its number, 1 to 32,767; never that of another thread that exists.
    pub tid: u16,
    /// Whose it is.
    pub process: ProcessSlot,
    pub(super) state: SchedState,
    pub(super) priority: u8,
    /// Ticks of its slice that it has used.
    pub(super) slice_used: u64,
    /// Its registers while it is not on the hart.
    pub context: &'static mut TrapFrame,
    /// Its float registers while it is not on the hart.
    pub floats: Floats,
    /// Its float registers are not all zero, or may not be.
    pub has_floats: bool,
    /// The system call that it is in, if one entry was not enough.
    pub(super) unfinished: Option<Unfinished>,
    /// What its call of `Inspect` has counted, if one entry was not enough.
    pub(super) survey: Option<Survey>,
    /// The page that it waits for, or waited for last.
    pub(super) page_in: Option<PageIn>,
    /// Its stack.
    pub stack: StackRange,
    /// What it waits on, or waited on last.
    pub(super) wait_key: WaitKey,
    /// The tick that its call waits until, if one entry was not enough to begin to wait.
    pub(super) deadline: Option<(CallKey, u64)>,
    /// How many messages it sent that are answered, by which an answer to an earlier one is known; wraps.
    pub(super) sent: u8,
    /// There is room for its message in the queue that it has waited for.
    pub(super) has_turn: bool,
    /// It began at a function, which may return: that ends it.
    pub(super) can_return: bool,
    /// What it ended with, for who joins it.
    pub(super) value: usize,
    /// Page faults it raised.
    pub faults: u32,
    /// What paging did for it.
    pub paging: ThreadPaging,
    /// Ticks it spent on the hart.
    pub ticks: u64,
}

impl Thread {
    /// A place for one, with its frame.
    pub(super) const fn new(context: &'static mut TrapFrame) -> Thread {
        Thread {
            tid: 0,
            process: ProcessSlot(0),
            state: SchedState::Empty,
            priority: abi::thread::DEFAULT_PRIORITY,
            slice_used: 0,
            context,
            floats: Floats([0; 33]),
            has_floats: false,
            unfinished: None,
            page_in: None,
            survey: None,
            stack: StackRange { base: 0, end: 0 },
            wait_key: WaitKey::NONE,
            deadline: None,
            sent: 0,
            has_turn: false,
            can_return: false,
            value: 0,
            faults: 0,
            paging: ThreadPaging::ZERO,
            ticks: 0,
        }
    }

    /// What it does; [`Tasks::set_state`](super::Tasks::set_state) changes it.
    #[inline]
    pub fn state(&self) -> SchedState {
        self.state
    }

    /// 0 to 255, the highest runs first; [`Tasks::set_priority`](super::Tasks::set_priority) changes it.
    #[inline]
    pub fn priority(&self) -> u8 {
        self.priority
    }

    /// Not empty and not exited.
    pub fn is_alive(&self) -> bool {
        !matches!(
            self.state,
            SchedState::Empty | SchedState::Ending { .. } | SchedState::Exited { .. }
        )
    }
}
