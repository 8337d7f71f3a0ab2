//! Several harts: started by the firmware, put to sleep without the lock, woken by each other.
//!
//! ```text
//!   secondary.S ─► enter_secondary ─┐
//!   trap_from_user ─► begins? ─► trap::handle ─► settle ─► enter_user
//!                                                  │ ▲
//!                                     give the lock▼ │take it
//!                                                  wfi
//! ```

use core::arch::asm;
use core::sync::atomic::{Ordering, fence};

use pagetable::PhysAddr;

use super::hart::{Hart, Others};
use super::lock::stop_if_crashed;
use super::paging::LINK_BASE;
use super::place::Held;
use super::{Riscv, csr, sbi, secondary_entry};
use crate::harts::MAX_HARTS;
use crate::system::System;
use crate::task::{Schedule, switch};
use crate::trap;
use crate::tree::{TreeHarts, WhyNot};

/// Has the firmware start the harts. They wait for the lock, which the caller holds.
pub(super) fn start(
    system: &mut System<Riscv>,
    others: &Others,
    image: PhysAddr,
    found: &mut TreeHarts,
) {
    let entry = image.wrapping_add(secondary_entry as *const () as u64 - LINK_BASE);
    for hart in others.iter().flatten() {
        let platform = system.local.platform.for_another_hart();
        let schedule = Schedule::new(system.boot.timebase_hz);
        system.harts.add(hart.index, hart.id, platform, schedule);
        // The other hart reads its block and the tables without having been asked for anything before.
        fence(Ordering::SeqCst);
        if !sbi::start_hart(hart.id, entry, hart.block()) {
            system.harts.remove(hart.index);
            found.leave_out(hart.id, WhyNot::Firmware);
        }
    }
}

/// From `secondary.S`, on the hart's own stack, with the kernel's tables active.
#[unsafe(no_mangle)]
extern "C" fn enter_secondary(hart: &'static mut Hart) -> ! {
    csr::let_programs_count();
    csr::enable_interrupts(false, true);
    let mut held = Held::take(hart);
    if let Some(system) = held.as_mut() {
        system.take_over(hart.index, hart.contended);
        switch::reschedule(system, &mut hart.frame);
    }
    give(settle(held, hart));
    // SAFETY: as in `run`.
    unsafe { asm!("mv tp, {0}", "j leave_kernel", in(reg) hart, options(noreturn)) }
}

/// The hart has the lock, and its own state takes its place. False if the task that trapped is not its task any
/// more: another hart ended it.
#[inline(always)]
pub(super) fn begins(
    system: &mut System<Riscv>,
    hart: &mut Hart,
    (cause, value): (usize, usize),
) -> bool {
    stop_if_crashed();
    if cause == trap::SUPERVISOR_SOFTWARE {
        csr::clear_software_interrupt();
    }
    let own = (hart.index, hart.contended);
    trap::begin(system, &mut hart.frame, own, (cause, value))
}

/// Wakes other harts for what has changed, and sleeps as long as this one has no task.
#[cold]
#[inline(never)]
pub(super) fn settle(mut held: Held, hart: &mut Hart) -> Held {
    loop {
        let Some(system) = held.as_mut() else {
            return held;
        };
        interrupt_others(system);
        if system.local.schedule.is_occupied() {
            return held;
        }
        let has_work = !system.debugger_wants_stop() && switch::has_work(system);
        let begin = csr::time();
        let ids = system.harts.ids();
        wake(held.give_and_wake(), &ids);
        stop_if_crashed();
        // What comes from here on is not lost: it is pending, and `wfi` does not wait for it.
        if !has_work {
            while !csr::is_interrupted() {
                csr::wait_for_interrupt();
            }
        }
        csr::clear_software_interrupt();
        let idle = csr::time().wrapping_sub(begin);
        held = Held::take(hart);
        stop_if_crashed();
        let Some(system) = held.as_mut() else {
            return held;
        };
        system.take_over(hart.index, hart.contended);
        system.harts.count().idle += idle;
        let pending = csr::pending();
        if pending.timer || pending.external {
            system.interrupt(pending);
        }
        switch::reschedule(system, &mut hart.frame);
        system.choose_path();
    }
}

/// Gives the lock back, and wakes who sleeps for it.
pub(super) fn give(mut held: Held) {
    let ids = held.as_mut().map(|system| system.harts.ids());
    let sleepers = held.give_and_wake();
    if let Some(ids) = ids {
        wake(sleepers, &ids);
    }
}

fn wake(mut sleepers: u32, ids: &[usize; MAX_HARTS]) {
    while sleepers != 0 {
        sbi::interrupt_hart(ids[sleepers.trailing_zeros() as usize % MAX_HARTS]);
        sleepers &= sleepers - 1;
    }
}

fn interrupt_others(system: &mut System<Riscv>) {
    let mut mask = system.harts_to_interrupt();
    while mask != 0 {
        let index = mask.trailing_zeros() as usize;
        mask &= mask - 1;
        sbi::interrupt_hart(system.harts.id(index));
        system.harts.count().ipis += 1;
    }
}
