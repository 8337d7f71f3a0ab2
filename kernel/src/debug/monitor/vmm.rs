//! Virtual memory: the regions of every process.

use core::fmt::{self, Write};

use crate::mm::{PAGE_BYTES, Region};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Process;

/// Index n + 1 is the n-th region of all.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(place) = index.checked_sub(1) else {
        writeln!(out, "  PID BASE                      SIZE RIGHTS MOST KIND")?;
        return Ok(1);
    };
    let Some((process, region)) = nth(system, place) else {
        return Ok(0);
    };
    writeln!(
        out,
        "{:>5} {:#018x} {:>9}KiB {:<6} {:<4} {}{}",
        process.pid,
        region.base.raw(),
        u64::from(region.pages) * PAGE_BYTES / 1024,
        Rights(region.prot.bits()),
        Rights(region.max.bits()),
        region.kind.class().text(),
        if region.usage.is_pinned() {
            " pinned"
        } else {
            ""
        }
    )?;
    Ok(if nth(system, place + 1).is_some() {
        index + 1
    } else {
        0
    })
}

/// The n-th region of all processes.
pub(super) fn nth<P: Platform>(system: &System<P>, n: usize) -> Option<(&Process, &Region)> {
    let processes = system.tasks.processes();
    processes
        .flat_map(|process| {
            process
                .space
                .regions()
                .iter()
                .map(move |region| (process, region))
        })
        .nth(n)
}

/// R, W and X of a leaf as letters.
pub(super) struct Rights(pub u64);

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let letter = |bit: u64, letter| if self.0 & bit != 0 { letter } else { b'-' };
        let letters = [letter(2, b'r'), letter(4, b'w'), letter(8, b'x')];
        f.pad(core::str::from_utf8(&letters).unwrap_or("?"))
    }
}
