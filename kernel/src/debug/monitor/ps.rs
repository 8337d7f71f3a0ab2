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
    let Some((_, task)) = system.tasks.iter().nth(index - 1) else {
        return Ok(0);
    };
    let state = task.state().word();
    let ms = task
        .ticks
        .saturating_mul(1000)
        .checked_div(system.boot.timebase_hz)
        .unwrap_or(0);
    let resident = u64::from(task.space.resident()) * PAGE_BYTES / 1024;
    writeln!(
        out,
        "{:>5} {:>5} {state:<9} {resident:>5}KiB {:>8} {ms:>9} {}",
        task.pid,
        task.parent,
        task.faults,
        task.line()
    )?;
    Ok(if system.tasks.iter().nth(index).is_some() {
        index + 1
    } else {
        0
    })
}
