//! What the kernel shows of itself, as text, one line at a time: a file for each topic.
//!
//! A reader asks for the line at an index and is told the index of the next one, so the
//! kernel keeps nothing between two lines and a long table needs no buffer.

mod boot;
mod faults;
mod free;
mod ps;
mod pt;

use core::fmt::Write;

use abi::{Error, Topic};

use crate::platform::Platform;
use crate::system::System;

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
        Topic::Faults => faults::line(system, index, out),
        Topic::Boot => boot::line(system, index, out),
        Topic::Pt => {
            let pid = u16::try_from(argument).map_err(|_| Error::NoSuchTask)?;
            let slot = system.tasks.find(pid).ok_or(Error::NoSuchTask)?;
            pt::line(&system.platform, &system.tasks.at(slot).space, index, out)
        }
    };
    next.map_err(|_| Error::LimitExceeded)
}
