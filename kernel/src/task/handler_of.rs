//! What a process keeps of its exception handler: [`handler`](super::handler) has the verbs.

use super::slot::Slot;

/// Who is called when a thread of a process faults.
#[derive(Clone, Copy, Debug)]
pub struct ExceptionHandler {
    /// The thread that it runs in.
    pub(super) thread: Slot,
    /// Where it begins.
    pub(super) entry: usize,
    /// One past the highest address of its stack.
    pub(super) stack: usize,
    /// The thread whose fault it has.
    pub(super) serves: Option<Slot>,
    /// Others have faulted meanwhile.
    pub(super) is_awaited: bool,
}

impl ExceptionHandler {
    /// Does it run in that thread?
    pub(super) fn is_thread(&self, slot: Slot) -> bool {
        self.thread == slot
    }
}
