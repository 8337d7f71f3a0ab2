//! The Rust end of `trap.S` for traps out of programs.

use core::arch::asm;
use core::num::NonZeroUsize;

use super::hart::Hart;
use super::shared;
use crate::trap::{self, Trap};

/// A trap out of a program: `hart.context` holds its registers, and then those of the task that
/// runs next. It does not return: what it would have to save for a caller is saved already.
#[unsafe(no_mangle)]
extern "C" fn trap_from_user(hart: &'static mut Hart, cause: usize, value: usize) -> ! {
    {
        // The only lock of the kernel's state: a holder that was interrupted would never release it.
        debug_assert!(!shared::SYSTEM.is_locked());
        let mut place = shared::SYSTEM.lock();
        if let Some(system) = place.as_mut() {
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
    // SAFETY: the context on the hart is a program's, and its space is active; `tp` still is
    // what `trap.S` made it, as Rust leaves it alone; this stack is not needed any more.
    unsafe { asm!("j enter_user", options(noreturn)) }
}
