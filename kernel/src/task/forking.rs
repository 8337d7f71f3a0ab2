//! A fork that one entry into the kernel was not enough for.

use pagetable::VirtAddr;

use super::slot::Slot;
use super::unfinished::CallKey;

/// A child in the making: it has a number and its regions, and does not run yet.
#[derive(Clone, Copy, Debug)]
pub struct Forking {
    /// Its first thread.
    pub child: Slot,
    /// Its number: the slot may be another's by now, if it was killed and waited for.
    pub pid: u16,
    /// The thread that forks.
    pub caller: Slot,
    /// The call that it forks by.
    pub key: CallKey,
    /// Where to go on; `None` when all pages are common.
    pub next: Option<VirtAddr>,
}
