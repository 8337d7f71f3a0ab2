//! The Rust end of `trap.S` for traps out of programs.

use core::arch::asm;
use core::num::NonZeroUsize;

use super::Riscv;
use super::hart::Hart;
use super::harts;
use super::place::Held;
use crate::system::System;
use crate::task::TrapFrame;
use crate::trap::{self, Trap};

/// A trap out of a program that is no call: `hart.frame` holds its registers, and then those of the thread that
/// runs next. It does not return: what it would have to save for a caller is saved already.
#[unsafe(no_mangle)]
extern "C" fn trap_from_user(hart: &'static mut Hart, cause: usize, value: usize) -> ! {
    with_kernel(hart, (cause, value), |system, frame| {
        let trap = Trap {
            cause,
            value,
            started: NonZeroUsize::new(frame.started),
        };
        trap::fault_or_interrupt(system, frame, trap);
    })
}

/// A system call. Apart from the other traps, whose code wants more registers, which it would have to save.
#[unsafe(no_mangle)]
extern "C" fn call_from_user(hart: &'static mut Hart, cause: usize) -> ! {
    with_kernel(hart, (cause, 0), trap::call)
}

/// With the lock held, and then back to a program.
#[inline(always)]
fn with_kernel(
    hart: &'static mut Hart,
    (cause, value): (usize, usize),
    deal: impl FnOnce(&mut System<Riscv>, &mut &'static mut TrapFrame),
) -> ! {
    {
        let mut held = Held::take(hart);
        let mut are_several = false;
        if let Some(system) = held.as_mut() {
            are_several = system.harts.are_several();
            if !are_several || harts::begins(system, hart, (cause, value)) {
                deal(system, &mut hart.frame);
            }
        }
        if are_several {
            harts::give(harts::settle(held, hart));
        }
    }
    // SAFETY: the frame on the hart is a program's, and its space is active; `tp` still is
    // what `trap.S` made it, as Rust leaves it alone; this stack is not needed any more.
    unsafe { asm!("j leave_kernel", options(noreturn)) }
}
