//! The tasks, one a line below a heading.

use core::fmt::{self, Write};

use crate::mm::PAGE_BYTES;
use crate::platform::Platform;
use crate::system::System;

/// Index n is the n-th task that exists.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    if index == 0 {
        writeln!(
            out,
            "  PID  PPID STATE     RESIDENT   FAULTS   TIME/ms COMMAND"
        )?;
        return Ok(1);
    }
    let Some((slot, thread)) = system.tasks.iter().nth(index - 1) else {
        return Ok(0);
    };
    let process = system.tasks.process(slot);
    let state = thread.state().word();
    let ms = thread
        .ticks
        .saturating_mul(1000)
        .checked_div(system.boot.timebase_hz)
        .unwrap_or(0);
    let resident = u64::from(process.space.resident()) * PAGE_BYTES / 1024;
    writeln!(
        out,
        "{:>5} {:>5} {state:<9} {resident:>5}KiB {:>8} {ms:>9} {}",
        thread.tid,
        process.parent,
        thread.faults,
        process.line()
    )?;
    Ok(if system.tasks.iter().nth(index).is_some() {
        index + 1
    } else {
        0
    })
}
