//! Every word that harts share without the lock, in one file.
//!
//! All else is reached with the lock held. What orders what is said at each access; `tests/shared.rs` has loom
//! play every interleaving of this very file.
//!
//! ```text
//!   take:  next ──► my ticket      serving == my ticket: the kernel's state is mine
//!   give:  serving = my ticket + 1
//! ```

use super::atomic::{AtomicBool, AtomicU32, Ordering, fence, spin_hint};

/// A fair lock: harts have it in the order in which they came.
pub struct TicketLock {
    /// The next ticket, which is the number of acquisitions until now.
    pub(super) next: AtomicU32,
    /// The ticket of the holder, or of the next one who may.
    pub(super) serving: AtomicU32,
    /// Acquisitions that had to wait. Written by holders alone.
    pub(super) contended: AtomicU32,
    /// Harts that wait asleep, a bit for each.
    pub(super) sleepers: AtomicU32,
}

/// The right to what the lock protects: a number of this acquisition.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(super) u32);

impl Ticket {
    /// No acquisition's, for a hart that has made none.
    pub const NONE: Ticket = Ticket(u32::MAX);
}

impl TicketLock {
    /// Waits for its turn. `meanwhile` is called in each round of the wait, with the ticket and the round's number.
    #[inline(always)]
    pub fn take(&self, meanwhile: impl FnMut(Ticket, u32)) -> Ticket {
        // Relaxed: the ticket orders nothing but the queue.
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        // Acquire, with the release of `give`: all that the holder before wrote is seen.
        if self.serving.load(Ordering::Acquire) != ticket {
            self.queue(ticket, meanwhile);
        }
        Ticket(ticket)
    }

    #[cold]
    #[inline(never)]
    fn queue(&self, ticket: u32, mut meanwhile: impl FnMut(Ticket, u32)) {
        let mut round = 0_u32;
        while self.serving.load(Ordering::Acquire) != ticket {
            meanwhile(Ticket(ticket), round);
            round = round.saturating_add(1);
            spin_hint();
        }
        // Not an addition of one step: only the holder writes it.
        let contended = self.contended.load(Ordering::Relaxed);
        self.contended
            .store(contended.wrapping_add(1), Ordering::Relaxed);
    }

    /// Lets the next one have it.
    #[inline(always)]
    pub fn give(&self, ticket: Ticket) {
        // Release: what was written with the lock held is seen by the hart that reads this number.
        self.serving
            .store(ticket.0.wrapping_add(1), Ordering::Release);
    }

    /// The same, among several harts; those that have to be woken to see it, a bit for each.
    pub fn give_and_wake(&self, ticket: Ticket) -> u32 {
        self.give(ticket);
        // With the fence of `falls_asleep`: either the sleeper is seen here, or it sees its number there.
        fence(Ordering::SeqCst);
        self.sleepers.load(Ordering::Relaxed)
    }

    /// From now on the hart of that bit has to be woken. False if it is its turn already.
    pub fn falls_asleep(&self, ticket: Ticket, bit: u32) -> bool {
        self.sleepers.fetch_or(bit, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.serving.load(Ordering::Relaxed) != ticket.0
    }

    /// The hart of that bit is awake.
    pub fn wakes(&self, bit: u32) {
        self.sleepers.fetch_and(!bit, Ordering::Relaxed);
    }

    /// Does another hart wait for the holder?
    pub fn is_waited_for(&self) -> bool {
        let served = self.serving.load(Ordering::Relaxed).wrapping_add(1);
        self.next.load(Ordering::Relaxed) != served
    }

    /// Does anybody hold it, or is about to?
    pub fn is_held(&self) -> bool {
        self.next.load(Ordering::Relaxed) != self.serving.load(Ordering::Relaxed)
    }

    /// Was the ticket drawn that is served now, and not returned?
    pub fn is_held_with(&self, ticket: Ticket) -> bool {
        let serving = self.serving.load(Ordering::Relaxed);
        serving == ticket.0 && self.next.load(Ordering::Relaxed) != serving
    }

    /// Acquisitions since boot, and how many of them had to wait; both wrap.
    pub fn counts(&self) -> (u32, u32) {
        let taken = self.next.load(Ordering::Relaxed);
        (taken, self.contended.load(Ordering::Relaxed))
    }
}

/// What the hart that has the lock asks of others: to leave the space that they have active, so that its tables can change.
///
/// ```text
///   holder:  ask ──► interrupt ──► waits until all have answered ──► changes tables, frees frames, gives the lock
///   another:         traps ──► answers: leaves the space, forgets its translations ──► queues for the lock ──► comes back
/// ```
///
/// The holder alone asks, so no two wait for each other. Who has answered is in the kernel and cannot go back to a program
/// without the lock.
pub struct Requests {
    /// The harts that have not answered yet, a bit for each.
    pub(super) asked: AtomicU32,
}

impl Requests {
    /// These harts are asked, a bit for each. They have to be interrupted.
    pub fn ask(&self, harts: u32) {
        // SeqCst: asked before it is interrupted, as `is_asked` looks after it has taken the interrupt back.
        self.asked.fetch_or(harts, Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// Have all of them answered?
    pub fn have_answered(&self, harts: u32) -> bool {
        // Acquire, with the release of `answer`: what they did in the space comes before what is done to it.
        self.asked.load(Ordering::Acquire) & harts == 0
    }

    /// Is the hart of that bit asked?
    #[inline(always)]
    pub fn is_asked(&self, bit: u32) -> bool {
        self.asked.load(Ordering::Relaxed) & bit != 0
    }

    /// The hart of that bit has left.
    pub fn answer(&self, bit: u32) {
        self.asked.fetch_and(!bit, Ordering::Release);
    }
}

/// The end of the kernel: one hart reports it, all others stand.
pub struct LastWord {
    pub(super) has_crashed: AtomicBool,
}

impl LastWord {
    /// This hart has crashed; the others stop when they see it.
    pub fn set(&self) {
        // Release: what it crashed with is in memory before others stop for it.
        self.has_crashed.store(true, Ordering::Release);
    }

    /// Has a hart crashed?
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        self.has_crashed.load(Ordering::Acquire)
    }
}
