//! The Rust end of `trap.S` for traps out of programs.

use core::arch::asm;
use core::num::NonZeroUsize;

use super::hart::Hart;
use super::harts;
use super::place::Held;
use crate::trap::{self, Trap};

/// A trap out of a program: `hart.context` holds its registers, and then those of the task that
/// runs next. It does not return: what it would have to save for a caller is saved already.
#[unsafe(no_mangle)]
extern "C" fn trap_from_user(hart: &'static mut Hart, cause: usize, value: usize) -> ! {
    {
        let mut held = Held::take(hart);
        let mut are_several = false;
        if let Some(system) = held.as_mut() {
            are_several = system.harts.are_several();
            if !are_several || harts::begins(system, hart, cause) {
                trap::handle(
                    system,
                    &mut hart.context,
                    Trap {
                        cause,
                        value,
                        started: NonZeroUsize::new(hart.started),
                    },
                );
            }
        }
        if are_several {
            harts::give(harts::settle(held, hart));
        }
    }
    // SAFETY: the context on the hart is a program's, and its space is active; `tp` still is
    // what `trap.S` made it, as Rust leaves it alone; this stack is not needed any more.
    unsafe { asm!("j enter_user", options(noreturn)) }
}
