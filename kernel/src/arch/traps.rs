//! The Rust ends of `trap.S`.

use core::sync::atomic::{AtomicBool, Ordering};

use abi::Cause;

use super::hart::Hart;
use super::{csr, sbi, start};
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

/// A trap out of the kernel itself: never expected, so all that is known goes out through
/// the firmware, on a stack that this trap cannot have broken.
#[unsafe(no_mangle)]
extern "C" fn trap_from_kernel_rust(cause: usize, epc: usize, value: usize, sp: usize, ra: usize) {
    let name = Cause::decode(cause as u8);
    sbi::print(format_args!(
        "\r\npagewalk: kernel fault: {name}\r\n  scause {cause:016x} sepc {epc:016x} stval {value:016x}\r\n  sp {sp:016x} ra {ra:016x} time {}\r\n",
        csr::time()
    ));
}

/// Says what belief was wrong, once, and stops the hart.
pub fn die(message: core::fmt::Arguments) -> ! {
    static DYING: AtomicBool = AtomicBool::new(false);
    if !DYING.swap(true, Ordering::Relaxed) {
        sbi::print(format_args!("\r\npagewalk: {message}\r\n"));
    }
    loop {
        csr::wait_for_interrupt();
    }
}
