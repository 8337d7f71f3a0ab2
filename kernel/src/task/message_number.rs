//! Numbers of messages that are answered: of the thread that waits, and of how many it has sent.
//!
//! ```text
//!  0       8            23         31
//!  | slot  | thread     | sent     |
//! ```
//!
//! So a message before it, and one of a thread that had the slot before, have another number.

use super::slot::{MAX_THREADS, Slot};
use crate::platform::Platform;
use crate::system::System;

/// The number of a message that the thread sends now.
#[inline]
pub(super) fn next_number<P: Platform>(system: &mut System<P>, slot: Slot) -> usize {
    let thread = system.tasks.at_mut(slot);
    thread.sent = thread.sent.wrapping_add(1);
    number_of(slot, thread.tid, thread.sent)
}

/// The number of the message that the thread has sent last.
#[inline]
pub(super) fn number<P: Platform>(system: &System<P>, slot: Slot) -> usize {
    let thread = system.tasks.at(slot);
    number_of(slot, thread.tid, thread.sent)
}

#[inline]
fn number_of(slot: Slot, tid: u16, sent: u8) -> usize {
    slot.index() | usize::from(tid) << 8 | usize::from(sent) << 23
}

/// The thread whose last message has that number.
#[inline]
pub(super) fn sender_slot<P: Platform>(system: &System<P>, message: usize) -> Option<Slot> {
    let slot = Slot::at(message & (MAX_THREADS - 1))?;
    let exists = system.tasks.existing().has(slot);
    (exists && number(system, slot) == message).then_some(slot)
}
