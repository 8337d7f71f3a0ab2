//! A kernel that has crashed: one more thread, that of the kernel itself, and no way on.

use core::fmt::{self, Write};
use core::num::NonZeroUsize;

use abi::Cause;
use gdbstub::common::{Signal, Tid};

use super::serve::{Stop, attend, settle};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Context;

/// The kernel's number as a thread: above every task's.
pub const KERNEL: Tid = NonZeroUsize::new(0x8000).unwrap();

/// What the hart held when the kernel trapped.
#[derive(Clone, Copy)]
pub struct Crash {
    /// The registers.
    pub context: Context,
    /// `scause`.
    pub cause: usize,
    /// `stval`.
    pub value: usize,
}

impl Crash {
    /// What gdb calls it.
    pub fn signal(&self) -> Signal {
        match Cause::decode(self.cause as u8) {
            // A panic ends in an `ebreak`.
            Cause::Breakpoint => Signal::SIGABRT,
            Cause::IllegalInstruction => Signal::SIGILL,
            _ => Signal::SIGSEGV,
        }
    }
}

/// Answers gdb, for ever: one that is attached is told at once, others may come. `report` is
/// shown to the one that is attached.
pub fn post_mortem<P: Platform>(
    system: &mut System<P>,
    crash: Crash,
    report: &impl fmt::Display,
) -> ! {
    // Whatever a stop was about, this is about something else.
    system.debugger.crash = Some(crash);
    if system.debugger.is_attached() {
        system.console.set_running(true);
        let _ = writeln!(system.console, "{report}");
        while system.console.has_text() {
            settle(system);
        }
        system.debugger.stop = Some(Stop::Crash);
    }
    loop {
        let now = system.platform.ticks();
        system.console.listen(false);
        system.console.tick(&system.log, now);
        attend(system);
        // Whatever gdb decided, the kernel does not go on.
        if system.debugger.is_attached() {
            system.debugger.stop = Some(Stop::Crash);
        }
    }
}
