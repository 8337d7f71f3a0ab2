//! The kernel's own memory, and the page pool.

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
    let counts = system.frames.counts();
    let bytes = |frames: u32| u64::from(frames) * PAGE_BYTES;
    match index {
        0 => {
            writeln!(
                out,
                "            total        used        free     maxused     maxfree   nused   nfree"
            )?;
            Ok(1)
        }
        1 => {
            let boot = bytes(counts.boot);
            writeln!(
                out,
                "Kmem: {boot:>11} {boot:>11} {:>11} {boot:>11} {:>11} {:>7} {:>7}",
                0, 0, counts.boot, 0
            )?;
            Ok(2)
        }
        _ => {
            writeln!(
                out,
                "Page: {:>11} {:>11} {:>11} {:>11} {:>11} {:>7} {:>7}",
                bytes(counts.pool),
                bytes(counts.used()),
                bytes(counts.free()),
                bytes(counts.peak),
                bytes(system.surveyed.longest),
                counts.used(),
                counts.free()
            )?;
            Ok(0)
        }
    }
}
