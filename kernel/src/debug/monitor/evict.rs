//! Eviction: the policy, what it chooses from, and what went.

use core::fmt::{self, Write};

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
            "POLICY    FRAMES      CLEAN      DIRTY     FAULTS   IN CALLS      MAJOR"
        )?;
        return Ok(1);
    }
    let all = system.statistics();
    writeln!(
        out,
        "{:<6} {:>9} {:>10} {:>10} {:>10} {:>10} {:>10}",
        system.frames.evictor.policy.name(),
        system.frames.counts().pool,
        all.evicted_clean,
        all.evicted_dirty,
        all.faults,
        all.in_calls,
        all.major
    )?;
    Ok(0)
}

/// One object.
pub fn json<P: Platform>(system: &System<P>, out: &mut impl Write) -> Result<usize, fmt::Error> {
    let all = system.statistics();
    writeln!(
        out,
        r#"{{"policy":"{}","frames":{},"clean":{},"dirty":{},"faults":{},"in_calls":{},"major":{}}}"#,
        system.frames.evictor.policy.name(),
        system.frames.counts().pool,
        all.evicted_clean,
        all.evicted_dirty,
        all.faults,
        all.in_calls,
        all.major
    )?;
    Ok(0)
}
