//! The backing store: what it is, how full, what it has done.

use core::fmt::{self, Write};

use crate::mm::PAGE_BYTES;
use crate::platform::Platform;
use crate::system::System;

/// Index 0 is the heading.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    if index == 0 {
        writeln!(
            out,
            "STORE      SLOTS      USED RESERVE   PAGES/KiB   BYTES/KiB        OUT         IN"
        )?;
        return Ok(1);
    }
    let backing = &system.frames.backing;
    let (slots, counts) = (backing.slots(), backing.counts());
    writeln!(
        out,
        "{:<6} {:>9} {:>9} {:>7} {:>11} {:>11} {:>10} {:>10}",
        backing.name(),
        slots.count(),
        slots.used(),
        backing.reserve(),
        u64::from(slots.used()) * PAGE_BYTES / 1024,
        backing.bytes_used() / 1024,
        counts.out,
        counts.back
    )?;
    Ok(0)
}

/// One object.
pub fn json<P: Platform>(system: &System<P>, out: &mut impl Write) -> Result<usize, fmt::Error> {
    let backing = &system.frames.backing;
    let (slots, counts) = (backing.slots(), backing.counts());
    writeln!(
        out,
        r#"{{"store":"{}","slots":{},"used":{},"reserve":{},"page_bytes":{},"bytes":{},"out":{},"in":{}}}"#,
        backing.name(),
        slots.count(),
        slots.used(),
        backing.reserve(),
        u64::from(slots.used()) * PAGE_BYTES,
        backing.bytes_used(),
        counts.out,
        counts.back
    )?;
    Ok(0)
}
