//! What the audit found that was made when its first line was asked for.

use core::fmt::{self, Write};

use crate::platform::Platform;
use crate::system::System;

/// Two lines: the sums, and the verdict.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let found = &system.audited;
    if index == 0 {
        writeln!(
            out,
            "{} spaces, {} tables, {} pages, {} shared frames, {} free",
            found.spaces, found.tables, found.pages, found.objects, found.free
        )?;
        return Ok(1);
    }
    match found.first {
        None if found.changed => writeln!(
            out,
            "audit: every frame has one owner; memory changed meanwhile, so sums were not compared"
        )?,
        None => writeln!(out, "audit: every frame has one owner, and all adds up")?,
        Some(first) => writeln!(
            out,
            "audit: {} problems; the first: {first}",
            found.problems
        )?,
    }
    Ok(0)
}
