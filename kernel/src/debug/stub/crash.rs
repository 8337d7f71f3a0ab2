//! A kernel that has crashed: one more thread, that of the kernel itself, and no way on.

use core::fmt::{self, Write};

use super::debugger::{Crash, StopReason};
use super::serve::{service, wait_for_ack};
use crate::platform::Platform;
use crate::system::System;

/// Answers gdb and never returns: one that is attached gets a stop reply at once, others may come. `report` is
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
            wait_for_ack(system);
        }
        system.debugger.stop = Some(StopReason::Crash);
    }
    loop {
        let now = system.local.platform.ticks();
        system.console.listen(false);
        system.console.tick(&system.local.log, now);
        service(system);
        // Whatever gdb decided, the kernel does not go on.
        if system.debugger.is_attached() {
            system.debugger.stop = Some(StopReason::Crash);
        }
    }
}
