//! The same topics for programs: one JSON object a line. Fields keep their names and meanings;
//! addresses are strings in hexadecimal, everything else is a number or a word.

use core::fmt::{self, Write};

use abi::Topic;
use pagetable::VirtAddr;

use super::{evict, harts, hist, pmm, pressure, ps, store, vmm};
use crate::fault::Log;
use crate::mm::{PAGE_BYTES, table};
use crate::platform::Platform;
use crate::system::System;

type Written = Result<usize, fmt::Error>;

/// Writes the object at `index`; the index of the next one, 0 at the end.
pub fn line<P: Platform>(
    system: &System<P>,
    topic: Topic,
    index: usize,
    pid: u16,
    out: &mut impl Write,
) -> Written {
    match topic {
        Topic::Ps => threads(system, index, out),
        Topic::Ws => working_sets(system, index, out),
        Topic::Free => free(system, out),
        Topic::Faults => faults(&system.local.log, index, out),
        Topic::OldFaults => match &system.old_log {
            Some(log) => faults(log, index, out),
            None => Ok(0),
        },
        Topic::Pmm => arenas(system, index, out),
        Topic::Vmm => regions(system, index, out),
        Topic::Audit => audit(system, out),
        Topic::Pt | Topic::Pages => pages(system, index, pid, out),
        Topic::Harts => harts::json(system, index, out),
        Topic::Boot | Topic::Dump => boot(system, out),
        Topic::Store => store::json(system, out),
        Topic::Evict => evict::json(system, out),
        Topic::Hist => hist::json(system, index, out),
        Topic::Pressure => pressure::json(system, index, out),
    }
}

/// The object's own place, and whether another follows.
fn next(index: usize, more: bool) -> Written {
    Ok(if more { index + 1 } else { 0 })
}

/// A command line has no quotes or control characters that a shell here could type; what it has
/// is escaped all the same.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_char('"')?;
        for letter in self.0.chars() {
            match letter {
                '"' | '\\' => write!(f, "\\{letter}")?,
                letter if letter < ' ' => write!(f, "\\u{:04x}", letter as u32)?,
                letter => f.write_char(letter)?,
            }
        }
        f.write_char('"')
    }
}

fn threads<P: Platform>(system: &System<P>, index: usize, out: &mut impl Write) -> Written {
    let Some((slot, thread)) = system.tasks.iter().nth(index) else {
        return Ok(0);
    };
    let process = system.tasks.process(slot);
    writeln!(
        out,
        r#"{{"pid":{},"parent":{},"state":"{}","resident":{},"tables":{},"faults":{},"ticks":{},"process":{},"priority":{},"policy":"RR","type":"{}","hart":{},"event":"{}","stack":{},"stack_used":{},"swapped":{},"major":{},"command":{}}}"#,
        thread.tid,
        process.parent,
        thread.state().on_the_wire().text(),
        process.space.resident(),
        table::count(&system.local.platform, process.space.root()),
        thread.faults,
        thread.ticks,
        process.pid,
        thread.priority(),
        ps::kind(system, slot),
        ps::hart_of(system, thread.state()).map_or(-1, i32::from),
        ps::Event(thread.state()),
        thread.stack.end - thread.stack.base,
        ps::stack_used(&system.local.platform, &process.space, thread.stack),
        process.space.swapped(),
        thread.paging.major,
        Quoted(process.line())
    )?;
    next(index, system.tasks.iter().nth(index + 1).is_some())
}

fn working_sets<P: Platform>(system: &System<P>, index: usize, out: &mut impl Write) -> Written {
    let Some(process) = system.tasks.processes().nth(index) else {
        return Ok(0);
    };
    let found = &system.surveyed.pages;
    writeln!(
        out,
        r#"{{"pid":{},"resident":{},"accessed":{},"dirty":{},"command":{}}}"#,
        process.pid,
        found.resident,
        found.accessed,
        found.dirty,
        Quoted(process.line())
    )?;
    next(index, system.tasks.processes().nth(index + 1).is_some())
}

fn free<P: Platform>(system: &System<P>, out: &mut impl Write) -> Written {
    let counts = system.frames.counts();
    writeln!(
        out,
        r#"{{"page_bytes":{PAGE_BYTES},"total":{},"boot":{},"pool":{},"pages":{},"tables":{},"shared":{},"free":{},"zeroed":{},"peak":{},"longest":{}}}"#,
        counts.total,
        counts.boot,
        counts.pool,
        counts.pages,
        counts.tables,
        counts.objects,
        counts.free(),
        system.frames.zeroed(),
        counts.peak,
        system.surveyed.longest
    )?;
    Ok(0)
}

fn faults(log: &Log, index: usize, out: &mut impl Write) -> Written {
    let sequence = (index as u64).max(log.oldest());
    let Some(fault) = log.get(sequence) else {
        return Ok(0);
    };
    write!(
        out,
        r#"{{"seq":{sequence},"time":{},"task":{},"cause":{},"access":"{}","source":"{}","epc":"{:#x}","va":"{:#x}","class":"{}","outcome":"{}","frame":{},"cost":"#,
        fault.time,
        fault.task,
        fault.cause,
        fault.access().text(),
        fault.source().text(),
        fault.epc,
        fault.va,
        fault.class().text(),
        fault.outcome().text(),
        fault.frame
    )?;
    match fault.cost() {
        Some(cost) => writeln!(out, "{cost}}}")?,
        None => writeln!(out, "null}}")?,
    }
    Ok(if sequence + 1 < log.next() {
        sequence as usize + 1
    } else {
        0
    })
}

fn arenas<P: Platform>(system: &System<P>, index: usize, out: &mut impl Write) -> Written {
    let arenas = system.frames.arenas();
    let Some(arena) = arenas.get(index) else {
        return Ok(0);
    };
    let counts = system.surveyed.frames;
    writeln!(
        out,
        r#"{{"arena":{index},"base":"{:#x}","priority":{},"boot":{},"tables":{},"pages":{},"shared":{},"free":{}}}"#,
        arena.first * PAGE_BYTES,
        arena.priority,
        counts[pmm::BOOT],
        counts[pmm::TABLE],
        counts[pmm::PAGE],
        counts[pmm::SHARED],
        counts[pmm::FREE]
    )?;
    next(index, index + 1 < arenas.len())
}

fn regions<P: Platform>(system: &System<P>, index: usize, out: &mut impl Write) -> Written {
    let Some((process, region)) = vmm::nth(system, index) else {
        return Ok(0);
    };
    writeln!(
        out,
        r#"{{"pid":{},"base":"{:#x}","pages":{},"rights":"{}","most":"{}","kind":"{}","pinned":{}}}"#,
        process.pid,
        region.base.raw(),
        region.pages,
        vmm::Rights(region.prot.bits()),
        vmm::Rights(region.max.bits()),
        region.kind.class().text(),
        region.usage.is_pinned()
    )?;
    next(index, vmm::nth(system, index + 1).is_some())
}

fn audit<P: Platform>(system: &System<P>, out: &mut impl Write) -> Written {
    let found = &system.audited;
    write!(
        out,
        r#"{{"spaces":{},"tables":{},"pages":{},"shared":{},"free":{},"problems":{},"first":"#,
        found.spaces, found.tables, found.pages, found.objects, found.free, found.problems
    )?;
    match found.first {
        Some(problem) => writeln!(out, r#""{problem}"}}"#)?,
        None => writeln!(out, "null}}")?,
    }
    Ok(0)
}

/// Only pages that are there: index n goes on at virtual page n.
fn pages<P: Platform>(system: &System<P>, index: usize, pid: u16, out: &mut impl Write) -> Written {
    let Some(slot) = system.tasks.find(pid) else {
        return Ok(0);
    };
    let space = system.tasks.space(slot);
    let found = |from: u64| {
        for region in space.regions().iter().filter(|r| r.end().raw() > from) {
            let mut va = from.max(region.base.raw());
            while va < region.end().raw() {
                let stop = table::walk(&system.local.platform, space.root(), VirtAddr::new(va));
                if let Some(page) = table::page_of::<P>(stop.entry, stop.level) {
                    let within = va % P::MODE.leaf_bytes(stop.level);
                    return Some((va, page.raw() + within, stop));
                }
                let reach = P::MODE.leaf_bytes(stop.level);
                va = (va / reach + 1) * reach;
            }
        }
        None
    };
    let Some((va, at, stop)) = found((index as u64).saturating_mul(PAGE_BYTES)) else {
        return Ok(0);
    };
    writeln!(
        out,
        r#"{{"va":"{va:#x}","pa":"{at:#x}","level":{},"entry":"{:#x}"}}"#,
        stop.level, stop.entry
    )?;
    Ok(match found(va + PAGE_BYTES) {
        Some((va, ..)) => (va / PAGE_BYTES) as usize,
        None => 0,
    })
}

fn boot<P: Platform>(system: &System<P>, out: &mut impl Write) -> Written {
    let boot = &system.boot;
    write!(
        out,
        r#"{{"board":"{}","image":"{:#x}","image_bytes":{},"timebase_hz":{},"log_records":{},"prompt_instructions":"#,
        boot.board.name,
        boot.image.raw(),
        boot.image_bytes,
        boot.timebase_hz,
        system.local.log.capacity()
    )?;
    match boot.first_instruction {
        Some(_) => writeln!(out, "{}}}", boot.to_first_byte)?,
        None => writeln!(out, "null}}")?,
    }
    Ok(0)
}
