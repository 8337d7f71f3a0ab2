//! The Rust end of `trap.S` for traps out of programs.

use super::hart::Hart;
use super::start;
use crate::trap::{self, Trap};

/// A trap out of a program: `hart.context` holds its registers, and on return those of
/// whoever runs next.
#[unsafe(no_mangle)]
extern "C" fn trap_from_user(hart: &mut Hart, cause: usize, value: usize) {
    let mut place = start::SYSTEM.lock();
    let system = place
        .as_mut()
        .expect("programs run only once the kernel's state stands");
    trap::handle(
        system,
        &mut hart.context,
        Trap {
            cause,
            value,
            started: hart.started,
        },
    );
}
