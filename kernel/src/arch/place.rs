//! The kernel's state, behind its one lock.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;

use super::Riscv;
use super::csr;
use super::hart::Hart;
use super::lock::{LOCK, REQUESTS, stop_if_crashed};
use super::mmu;
use super::shared::Ticket;
use crate::system::System;

/// Rounds of waiting for the lock before a hart sleeps: some microseconds. An emulator with fewer processors than
/// harts needs them for the hart that has the lock.
const AWAKE: u32 = 500;

/// Room for the kernel's state: an `Option` whose `None` is all zeros, which no Image has to carry.
#[repr(C)]
struct Place {
    is_filled: bool,
    system: MaybeUninit<System<Riscv>>,
}

struct Locked(UnsafeCell<Place>);

// SAFETY: `Held` alone reaches what is inside, and there is one of it at a time: `LOCK` sees to it.
unsafe impl Sync for Locked {}

static PLACE: Locked = Locked(UnsafeCell::new(Place {
    is_filled: false,
    system: MaybeUninit::zeroed(),
}));

/// The kernel's state, for as long as this value lives.
pub(super) struct Held(Ticket);

/// One round of waiting for the lock. What another hart wants with an interrupt is looked at with the lock held.
fn wait(ticket: Ticket, round: u32, hart: &mut Hart) {
    stop_if_crashed();
    if round == 0 {
        hart.contended += 1;
    }
    let bit = 1 << hart.index;
    if round > AWAKE {
        csr::clear_software_interrupt();
        if LOCK.falls_asleep(ticket, bit) {
            // What is asked from here on comes with an interrupt that `wfi` does not wait for.
            answer(hart.satp, bit);
            csr::wait_for_another_hart();
        }
        LOCK.wakes(bit);
    }
    answer(hart.satp, bit);
}

/// Leaves the space that the hart has active, if the holder of the lock asks it to.
#[inline(always)]
fn answer(kernel_satp: usize, bit: u32) {
    if REQUESTS.is_asked(bit) {
        // SAFETY: the hart's block has the kernel's own tables from boot on.
        unsafe { mmu::activate_root(kernel_satp) };
        REQUESTS.answer(bit);
    }
}

impl Held {
    /// Waits for its turn. The hart's block remembers the ticket, for a crash while it is held.
    #[inline(always)]
    pub(super) fn take(hart: &mut Hart) -> Held {
        let ticket = LOCK.take(|ticket, round| wait(ticket, round, &mut *hart));
        hart.ticket = ticket;
        Held(ticket)
    }

    /// The same for a hart that has crashed and reports it: if it held the lock, it still does. Another hart
    /// gets so many looks to give it back; then that one is taken for dead too.
    pub(super) fn take_after_crash(hart: &Hart, looks: usize) -> Held {
        if LOCK.is_held_with(hart.ticket) {
            return Held(hart.ticket);
        }
        let mut left = looks;
        while LOCK.is_held() && left > 0 {
            left -= 1;
            core::hint::spin_loop();
        }
        // No other hart goes on: one that waits in the queue stops there.
        Held(hart.ticket)
    }

    /// Gives it back, among several harts; the indexes of those that sleep and wait for it, a bit for each.
    pub(super) fn give_and_wake(self) -> u32 {
        let ticket = self.0;
        core::mem::forget(self);
        LOCK.give_and_wake(ticket)
    }

    /// Puts the state there.
    pub(super) fn insert(&mut self, system: System<Riscv>) -> &mut System<Riscv> {
        // SAFETY: the lock is held, and the borrow ends with that of `self`.
        let place = unsafe { &mut *PLACE.0.get() };
        let system = place.system.write(system);
        place.is_filled = true;
        system
    }

    /// The state, if boot has put it there.
    #[inline(always)]
    pub(super) fn as_mut(&mut self) -> Option<&mut System<Riscv>> {
        // SAFETY: as in `insert`.
        let place = unsafe { &mut *PLACE.0.get() };
        if !place.is_filled {
            return None;
        }
        // SAFETY: only `insert` sets `is_filled`, after it has written the value, and nothing takes it away.
        Some(unsafe { place.system.assume_init_mut() })
    }
}

impl Drop for Held {
    #[inline(always)]
    fn drop(&mut self) {
        LOCK.give(self.0);
    }
}
