//! The harts that run the kernel, one a line below a heading.
//!
//! What a hart counts is as of its last entry into the kernel; only that of the hart that answers is as of now.

use core::fmt::{self, Write};

use crate::harts::HartCounts;
use crate::platform::Platform;
use crate::system::System;

/// One hart as it is shown.
struct HartRow {
    /// Its number in `ps` and in records of faults.
    number: u16,
    /// The SBI's number of it.
    id: usize,
    /// The thread that it runs; `None` while it is idle.
    thread: Option<u16>,
    counts: HartCounts,
}

impl HartRow {
    fn state(&self) -> &'static str {
        match self.thread {
            Some(_) => "running",
            None => "idle",
        }
    }
}

/// The n-th hart that runs the kernel.
fn row<P: Platform>(system: &System<P>, nth: usize) -> Option<HartRow> {
    let harts = &system.harts;
    let index = harts.running().nth(nth)?;
    let is_current = index == harts.current();
    let mut counts = harts.counts(index);
    if is_current && system.boot.first_instruction.is_some() {
        counts.instructions = system.local.platform.instructions_retired();
    }
    if !harts.are_several() {
        // Not counted one by one: that would cost each trap something. Boot took it once, traps all other times.
        counts.taken = system.local.platform.lock_taken().into();
        counts.traps = counts.taken.saturating_sub(1);
    }
    let schedule = &system.local.schedule;
    let slot = match is_current {
        true => schedule.is_occupied().then(|| schedule.current()),
        false => harts.runs(index),
    };
    let thread = slot.map(|slot| system.tasks.at(slot).tid);
    Some(HartRow {
        number: harts.number_of(index),
        id: harts.id(index),
        // While all stand for gdb no thread is on any of them.
        thread: thread.or(system.debugger.ran_on(index)),
        counts,
    })
}

/// Index n is the n-th hart.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    if index == 0 {
        writeln!(
            out,
            "HART SBI STATE   THREAD   INSTRUCTIONS   IDLE/ms      TRAPS       LOCK CONTENDED       IPIS SHOOTDOWNS"
        )?;
        return Ok(1);
    }
    let Some(row) = row(system, index - 1) else {
        return Ok(0);
    };
    let HartCounts {
        traps,
        idle,
        ipis,
        instructions,
        taken,
        contended,
        shootdowns,
    } = row.counts;
    let idle = idle.saturating_mul(1000);
    let idle = idle.checked_div(system.boot.timebase_hz).unwrap_or(0);
    write!(out, "{:>4} {:>3} {:<7} ", row.number, row.id, row.state())?;
    match row.thread {
        Some(thread) => write!(out, "{thread:>6}")?,
        None => write!(out, "{:>6}", "-")?,
    }
    writeln!(
        out,
        " {instructions:>14} {idle:>9} {traps:>10} {taken:>10} {contended:>9} {ipis:>10} {shootdowns:>10}"
    )?;
    Ok(next(system, index, index + 1))
}

/// The same as one JSON object, of the hart at `index` from 0.
pub fn json<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(row) = row(system, index) else {
        return Ok(0);
    };
    let (number, id, state) = (row.number, row.id, row.state());
    write!(
        out,
        r#"{{"hart":{number},"sbi":{id},"state":"{state}","thread":"#
    )?;
    match row.thread {
        Some(thread) => write!(out, "{thread}")?,
        None => write!(out, "null")?,
    }
    let counts = row.counts;
    writeln!(
        out,
        r#","instructions":{},"idle":{},"traps":{},"lock":{},"contended":{},"ipis":{},"shootdowns":{}}}"#,
        counts.instructions,
        counts.idle,
        counts.traps,
        counts.taken,
        counts.contended,
        counts.ipis,
        counts.shootdowns
    )?;
    Ok(next(system, index + 1, index + 1))
}

/// `index` if there are more than that many harts, else 0: the end.
fn next<P: Platform>(system: &System<P>, shown: usize, index: usize) -> usize {
    match system.harts.running().nth(shown) {
        Some(_) => index,
        None => 0,
    }
}
