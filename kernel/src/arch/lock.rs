//! The words of `shared.rs`, where all harts find them.

use super::atomic::{AtomicBool, AtomicU32};
use super::csr;
use super::shared::{LastWord, Requests, TicketLock};

/// The lock of the kernel's state.
pub(super) static LOCK: TicketLock = TicketLock {
    next: AtomicU32::new(0),
    serving: AtomicU32::new(0),
    contended: AtomicU32::new(0),
    sleepers: AtomicU32::new(0),
};

/// What the holder of the lock asks of the others.
pub(super) static REQUESTS: Requests = Requests {
    asked: AtomicU32::new(0),
};

/// Has a hart crashed?
pub(super) static LAST_WORD: LastWord = LastWord {
    has_crashed: AtomicBool::new(false),
};

/// Another hart has crashed: this one stands and never goes on, so that what gdb reads does not change.
#[inline(always)]
pub(super) fn stop_if_crashed() {
    if LAST_WORD.is_set() {
        stand();
    }
}

#[cold]
#[inline(never)]
fn stand() -> ! {
    csr::disable_interrupts();
    loop {
        csr::wait_for_interrupt();
    }
}
