//! What the kernel shows of itself, as text, one line at a time.
//!
//! A reader asks for the line at an index and is told the index of the next one, so the
//! kernel keeps nothing between two lines and a long table needs no buffer.

use core::fmt::{self, Write};

use abi::{Error, Topic};
use pagetable::{Pte, VirtAddr};

use crate::mm::{PAGE_BYTES, Region, Space, table};
use crate::platform::Platform;
use crate::system::System;
use crate::task::State;

/// Writes the line at `index` of a topic to `out`; the index of the next one, 0 at the end.
/// Index 0 is the first line. `argument` is a task number where the topic wants one.
pub fn line<P: Platform>(
    system: &System<P>,
    topic: Topic,
    index: usize,
    argument: usize,
    out: &mut impl Write,
) -> Result<usize, Error> {
    // What a line does not fit into says so by being cut; there is no other way to fail.
    let next = match topic {
        Topic::Ps => ps(system, index, out),
        Topic::Free => free(system, index, out),
        Topic::Faults => faults(system, index, out),
        Topic::Boot => boot(system, index, out),
        Topic::Pt => {
            let pid = u16::try_from(argument).map_err(|_| Error::NoSuchTask)?;
            let slot = system.tasks.find(pid).ok_or(Error::NoSuchTask)?;
            pt(system, &system.tasks.at(slot).space, index, out)
        }
    };
    next.map_err(|_| Error::LimitExceeded)
}

fn ps<P: Platform>(
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
    let state = match task.state {
        State::Empty | State::Starting => "-",
        State::Ready => "ready",
        State::Reading => "reading",
        State::Writing => "writing",
        State::Sleeping { .. } => "sleeping",
        State::Waiting { .. } => "waiting",
        State::Exited { .. } => "exited",
    };
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

fn free<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let counts = system.frames.counts();
    let bytes = |frames: u32| u64::from(frames) * PAGE_BYTES;
    match index {
        0 => {
            writeln!(
                out,
                "            total        used        free     maxused   nused   nfree"
            )?;
            Ok(1)
        }
        1 => {
            let boot = bytes(counts.boot);
            writeln!(
                out,
                "Kmem: {boot:>11} {boot:>11} {:>11} {boot:>11} {:>7} {:>7}",
                0, counts.boot, 0
            )?;
            Ok(2)
        }
        _ => {
            writeln!(
                out,
                "Page: {:>11} {:>11} {:>11} {:>11} {:>7} {:>7}",
                bytes(counts.pool),
                bytes(counts.used()),
                bytes(counts.free()),
                bytes(counts.peak),
                counts.used(),
                counts.free()
            )?;
            Ok(0)
        }
    }
}

/// Index n + 1 is the record with sequence number n, or the oldest that is still kept.
fn faults<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let log = &system.log;
    if index == 0 {
        writeln!(out, "{} faults, {} forgotten", log.next(), log.oldest())?;
        writeln!(
            out,
            "     SEQ TASK CAUSE ACCESS  {:<18} {:<18} LV OUTCOME            COST",
            "EPC", "ADDRESS"
        )?;
        return Ok(if log.next() > 0 {
            log.oldest() as usize + 1
        } else {
            0
        });
    }
    let sequence = (index as u64 - 1).max(log.oldest());
    let Some(fault) = log.get(sequence) else {
        return Ok(0);
    };
    write!(out, "{sequence:>8} {:>4} {:>5} ", fault.task, fault.cause)?;
    match fault.access {
        0 => write!(out, "{:<7} ", "-")?,
        _ => write!(out, "{:<7} ", Padded(fault.access()))?,
    }
    write!(out, "{:#018x} {:#018x} ", fault.epc, fault.va)?;
    match fault.level() {
        Some(level) => write!(out, "{level:>2} ")?,
        None => write!(out, " - ")?,
    }
    writeln!(out, "{:<18} {:>4}", Padded(fault.outcome()), fault.cost)?;
    Ok(if sequence + 1 < log.next() {
        sequence as usize + 2
    } else {
        0
    })
}

/// Pads what a type prints, whether or not its own `Display` minds the width.
struct Padded<T>(T);

impl<T: fmt::Display> fmt::Display for Padded<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        struct Counted<'a, 'b>(&'a mut fmt::Formatter<'b>, usize);
        impl Write for Counted<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.1 += text.chars().count();
                self.0.write_str(text)
            }
        }
        let width = f.width().unwrap_or(0);
        let mut counted = Counted(f, 0);
        write!(counted, "{}", self.0)?;
        let used = counted.1;
        (used..width).try_for_each(|_| f.write_char(' '))
    }
}

fn boot<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let boot = &system.boot;
    let counts = system.frames.counts();
    match index {
        0 => writeln!(
            out,
            "board       {} ({})",
            boot.board.name, boot.board.title
        )?,
        1 => writeln!(
            out,
            "image       {:#x}, {} bytes",
            boot.image.raw(),
            boot.image_bytes
        )?,
        2 => writeln!(
            out,
            "ram         {} KiB, page pool {} KiB",
            kib(counts.total),
            kib(counts.pool)
        )?,
        3 => writeln!(
            out,
            "paging      {:?}, memory types {:?}",
            P::MODE,
            system.platform.dialect()
        )?,
        4 => {
            let timer = if boot.sstc { "stimecmp" } else { "firmware" };
            writeln!(out, "timebase    {} Hz, timer by {timer}", boot.timebase_hz)?;
        }
        5 => writeln!(out, "fault log   {} records", system.log.capacity())?,
        _ => {
            writeln!(
                out,
                "prompt      {} instructions after the first",
                boot.to_first_byte
            )?;
            return Ok(0);
        }
    }
    Ok(index + 1)
}

fn kib(frames: u32) -> u64 {
    u64::from(frames) * PAGE_BYTES / 1024
}

/// Index n + 1 goes on at virtual page n.
fn pt<P: Platform>(
    system: &System<P>,
    space: &Space,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(cursor) = index.checked_sub(1) else {
        writeln!(
            out,
            "{:<18}    {:<18} {:>10} FLAGS   REGION",
            "VA", "PA", "SIZE"
        )?;
        return Ok(1);
    };
    let at = cursor as u64 * PAGE_BYTES;
    let Some(region) = space
        .regions()
        .iter()
        .find(|region| region.end().raw() > at)
    else {
        return Ok(0);
    };
    let run = run(system, space, region, at.max(region.base.raw()));
    let rights = region.prot;
    let letter = |on: bool, letter: char| if on { letter } else { '-' };
    write!(out, "{:#018x} -> ", run.from)?;
    match run.entry {
        Some(entry) => write!(out, "{:#018x}", Pte::new(entry).target(P::MODE).raw())?,
        None => write!(out, "{:<18}", "-")?,
    }
    write!(out, " {:>7}KiB ", (run.end - run.from) / 1024)?;
    write!(
        out,
        "{}{}{}",
        letter(rights.read, 'r'),
        letter(rights.write, 'w'),
        letter(rights.execute, 'x')
    )?;
    let bits = run.entry.unwrap_or(0);
    write!(
        out,
        "{}{} ",
        letter(bits & Pte::ACCESSED != 0, 'a'),
        letter(bits & Pte::DIRTY != 0, 'd')
    )?;
    writeln!(out, "  {}", region.kind.class())?;
    let more = space
        .regions()
        .iter()
        .any(|region| region.end().raw() > run.end);
    Ok(if more {
        (run.end / PAGE_BYTES) as usize + 1
    } else {
        0
    })
}

/// Pages of one region that follow each other in physical memory too, with equal flags, or
/// that are all not there.
struct Run {
    from: u64,
    end: u64,
    entry: Option<u64>,
}

fn run<P: Platform>(system: &System<P>, space: &Space, region: &Region, from: u64) -> Run {
    let entry_at = |va: u64| {
        let entry = table::walk(&system.platform, space.root(), VirtAddr::new(va)).entry;
        Pte::new(entry).is_valid().then_some(entry)
    };
    let first = entry_at(from);
    let mut end = from + PAGE_BYTES;
    // The physical page number begins at bit 10 of an entry.
    let next = |pages: u64| first.map(|entry| entry + (pages << 10));
    while end < region.end().raw() && entry_at(end) == next((end - from) / PAGE_BYTES) {
        end += PAGE_BYTES;
    }
    Run {
        from,
        end,
        entry: first,
    }
}
