//! gdb's `monitor` commands: what `sh` shows, about the task that gdb looks at.

use core::fmt::Write;

use abi::Topic;
use pagetable::{Pte, VirtAddr};

use super::threads;
use crate::debug::monitor;
use crate::mm::layout::is_user;
use crate::mm::{Region, table};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;

const HELP: [&str; 10] = [
    "satp [TASK]  the root of a task's page tables\n",
    "pt [VA]      its pages, or how one address is translated\n",
    "maps         its regions: what a fault there would find\n",
    "faults [N]   the last faults, 20 if N is not given\n",
    "ps           all tasks\n",
    "harts        the harts: what each runs, and its counts\n",
    "free         frames: how many, and who has them\n",
    "catch fault [TASK] [ADDRESS|START-END|START+SIZE] [read|write|execute]\n",
    "             stop before such a fault is served; catch off\n",
    "help         this list\n",
];

/// Writes the line at `index` of a command's answer; the index of the next one, `None` at the
/// end. What is no command is answered with what is.
pub fn line<P: Platform>(
    system: &System<P>,
    command: &str,
    index: usize,
    out: &mut impl Write,
) -> Option<usize> {
    let mut words = command.split_ascii_whitespace();
    let (name, argument) = (words.next().unwrap_or("help"), words.next());
    let slot = threads::selected(system);
    match name {
        "ps" => topic(system, Topic::Ps, index, 0, out),
        "harts" => topic(system, Topic::Harts, index, 0, out),
        "free" => topic(system, Topic::Free, index, 0, out),
        "faults" => faults(system, argument, index, out),
        "satp" => {
            let named = |word: &str| system.tasks.find(word.parse().ok()?);
            match argument.map_or(slot, named) {
                Some(slot) if system.tasks.at(slot).is_alive() => satp(system, slot, out),
                _ => {
                    let which = argument.unwrap_or("that gdb looks at");
                    let _ = writeln!(out, "satp: there is no task {which}");
                }
            }
            None
        }
        "maps" => region(system.tasks.space(slot?).regions(), index, out),
        "pt" => match argument {
            None => topic(
                system,
                Topic::Pt,
                index,
                system.tasks.at(slot?).tid.into(),
                out,
            ),
            Some(va) => match number(va) {
                Some(va) => {
                    walk(system, slot?, va, out);
                    None
                }
                None => {
                    let _ = writeln!(out, "pt: `{va}` is not an address; write it as 0x12345000");
                    None
                }
            },
        },
        "help" => help(index, out),
        _ if index == 0 => {
            let _ = writeln!(out, "`{name}` is not known here; there are:");
            Some(1)
        }
        _ => help(index - 1, out).map(|next| next + 1),
    }
}

fn help(index: usize, out: &mut impl Write) -> Option<usize> {
    let _ = out.write_str(HELP.get(index)?);
    (index + 1 < HELP.len()).then_some(index + 1)
}

fn topic<P: Platform>(
    system: &System<P>,
    topic: Topic,
    index: usize,
    argument: usize,
    out: &mut impl Write,
) -> Option<usize> {
    let next = monitor::line(system, topic, index, argument, out).unwrap_or(0);
    (next > 0).then_some(next)
}

/// The topic counts from the oldest record; the last ones are wanted.
fn faults<P: Platform>(
    system: &System<P>,
    count: Option<&str>,
    index: usize,
    out: &mut impl Write,
) -> Option<usize> {
    let count = match count.map_or(Some(20), number) {
        Some(count) => count,
        None => {
            let _ = writeln!(out, "faults: the count is a number");
            return None;
        }
    };
    if index > 0 {
        return topic(system, Topic::Faults, index, 0, out);
    }
    topic(system, Topic::Faults, 0, 0, out)?;
    // Record n has index n + 1.
    let first = system.local.log.next().saturating_sub(count);
    (count > 0).then_some(first.max(system.local.log.oldest()) as usize + 1)
}

fn satp<P: Platform>(system: &System<P>, slot: Slot, out: &mut impl Write) {
    let (thread, process) = system.tasks.parts(slot);
    let value = process.space.satp();
    let width = usize::BITS as usize / 4;
    let root = process.space.root().raw();
    let _ = writeln!(
        out,
        "task {}: satp {value:0width$x}: {:?}, root {root:#x}",
        thread.tid,
        P::MODE
    );
}

pub(super) fn region(regions: &[Region], index: usize, out: &mut impl Write) -> Option<usize> {
    let region = regions.get(index)?;
    let letter = |has: bool, letter: char| if has { letter } else { '-' };
    let _ = writeln!(
        out,
        "{:016x}-{:016x} {:>7} KiB {}{}{} {}",
        region.base.raw(),
        region.end().raw(),
        u64::from(region.pages) * 4,
        letter(region.prot.read(), 'r'),
        letter(region.prot.write(), 'w'),
        letter(region.prot.execute(), 'x'),
        region.kind.class().text()
    );
    Some(index + 1).filter(|next| *next < regions.len())
}

/// Where a translation stops: in the task's tables for what programs can have, else in the kernel's.
pub(super) fn walk<P: Platform>(system: &System<P>, slot: Slot, va: u64, out: &mut impl Write) {
    let va = VirtAddr::new(va);
    let root = if is_user(P::MODE, va) {
        system.tasks.space(slot).root()
    } else {
        system.kernel_root
    };
    let stop = table::walk(&system.local.platform, root, va);
    let pte = Pte::new(stop.entry);
    let _ = write!(
        out,
        "{:016x}: level {}, entry {:016x} at {:#x}: ",
        va.raw(),
        stop.level,
        stop.entry,
        stop.at.raw()
    );
    let _ = if pte.is_leaf() {
        let page = P::MODE.leaf_bytes(stop.level);
        let at = pte.target(P::MODE).raw() + va.raw() % page;
        let letters = pte.flags().letters();
        let letters = core::str::from_utf8(&letters).unwrap_or("?");
        writeln!(out, "{at:#x} {letters}, a page of {} KiB", page / 1024)
    } else {
        writeln!(out, "nothing is mapped there")
    };
}

pub(super) fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
