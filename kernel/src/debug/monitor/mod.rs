//! What the kernel shows of itself, as text, one line at a time: a file for each topic.
//!
//! A reader asks for the line at an index and gets the index of the next one, so the
//! kernel keeps nothing between two lines and a long table needs no buffer.

mod audit;
mod boot;
mod evict;
mod faults;
mod free;
mod harts;
mod hist;
mod inspect;
mod json;
mod pages;
mod pmm;
mod pressure;
mod ps;
mod pt;
mod store;
mod survey;
mod vmm;
mod ws;

pub use inspect::Inspection;

use core::fmt::Write;

use abi::{Error, Topic};

use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;

/// Writes the line at `index` of a topic to `out`; the index of the next one, 0 at the end.
/// Index 0 is the first line; one that no line was answered with may give any line or none.
/// `argument` is a task number where the topic wants one.
pub fn line<P: Platform>(
    system: &System<P>,
    topic: Topic,
    index: usize,
    argument: usize,
    out: &mut impl Write,
) -> Result<usize, Error> {
    // What a line does not fit into says so by being cut; there is no other way to fail.
    let next = match topic {
        Topic::Ps => ps::line(system, index, out),
        Topic::Free => free::line(system, index, out),
        Topic::Faults => faults::line(Some(&system.local.log), index, out),
        Topic::OldFaults => faults::line(system.old_log.as_ref(), index, out),
        Topic::Boot => boot::line(system, index, out),
        Topic::Pt | Topic::Pages => {
            let space = system.tasks.space(slot(system, argument)?);
            if topic == Topic::Pt {
                pt::line(&system.local.platform, space, index, out)
            } else {
                pages::line(&system.local.platform, space, index, out)
            }
        }
        Topic::Pmm => pmm::line(system, index, out),
        Topic::Dump => pmm::dump(system, index, out),
        Topic::Vmm => vmm::line(system, index, out),
        Topic::Audit => audit::line(system, index, out),
        Topic::Ws => ws::line(system, index, out),
        Topic::Store => store::line(system, index, out),
        Topic::Evict => evict::line(system, index, out),
        Topic::Hist => hist::line(system, index, out),
        Topic::Harts => harts::line(system, index, out),
        Topic::Pressure => pressure::line(system, index, out),
    };
    next.map_err(|_| Error::LimitExceeded)
}

/// The same as one JSON object a line.
pub fn json<P: Platform>(
    system: &System<P>,
    topic: Topic,
    index: usize,
    argument: usize,
    out: &mut impl Write,
) -> Result<usize, Error> {
    let pid = match topic {
        Topic::Pt | Topic::Pages => system.tasks.at(slot(system, argument)?).tid,
        _ => 0,
    };
    json::line(system, topic, index, pid, out).map_err(|_| Error::LimitExceeded)
}

fn slot<P: Platform>(system: &System<P>, task: usize) -> Result<Slot, Error> {
    let pid = u16::try_from(task).map_err(|_| Error::NoSuchTask)?;
    system.tasks.find(pid).ok_or(Error::NoSuchTask)
}
