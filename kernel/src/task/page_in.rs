//! What a task waits for while it is in [`SchedState::Paging`](super::SchedState::Paging).

use abi::Source;

use crate::mm::PageRequest;

/// A page that a task waits for, or waited for last.
#[derive(Clone, Copy, Debug)]
pub struct PageIn {
    /// What was touched, and how.
    pub(super) request: PageRequest,
    /// Who touched it: the program, or the kernel in one of its calls.
    pub(super) source: Source,
    /// It came, and there was no frame for it.
    pub(super) failed: bool,
}
