//! Histograms: what faults took, the choice of a page, and the backing store.

use core::fmt::{self, Write};

use crate::fault::{BINS, BOUNDS, Costs};
use crate::platform::Platform;
use crate::system::System;

/// Faults that are counted: those that were logged last. All that the log has would take too long for one entry.
const FAULTS: u64 = 256;

/// What they are of, in the order of the columns.
const KINDS: [&str; 4] = ["fault", "select", "page-in", "page-out"];

fn all<P: Platform>(system: &System<P>) -> [Costs; KINDS.len()] {
    let (put, get) = system.frames.backing.costs();
    [faults(system), *system.frames.evictor.costs(), *get, *put]
}

fn faults<P: Platform>(system: &System<P>) -> Costs {
    let log = &system.local.log;
    let mut costs = Costs::NONE;
    for sequence in log.oldest().max(log.next().saturating_sub(FAULTS))..log.next() {
        if let Some(cost) = log.get(sequence).and_then(|fault| fault.cost()) {
            costs.add(cost);
        }
    }
    costs
}

/// A heading, a line for each bin, and what it was on average and at most.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    const COUNT: usize = BINS + 1;
    const AVERAGE: usize = BINS + 2;
    const MOST: usize = BINS + 3;
    if index == 0 {
        write!(out, "INSTRUCTIONS")?;
        for kind in KINDS {
            write!(out, " {kind:>10}")?;
        }
        writeln!(out, "   (fault: the last {FAULTS})")?;
        return Ok(1);
    }
    match index {
        COUNT => write!(out, "times       ")?,
        AVERAGE => write!(out, "average     ")?,
        MOST => write!(out, "most        ")?,
        bin => match BOUNDS.get(bin - 1) {
            Some(bound) => write!(out, "below {bound:>6}")?,
            None => write!(out, "more        ")?,
        },
    }
    for costs in all(system) {
        let value = match index {
            COUNT => costs.count(),
            AVERAGE => costs.average(),
            MOST => costs.most.into(),
            bin => costs.bins.get(bin - 1).copied().unwrap_or(0).into(),
        };
        write!(out, " {value:>10}")?;
    }
    writeln!(out)?;
    Ok(if index < MOST { index + 1 } else { 0 })
}

/// An object for each kind; `bins` are counts, between the `bounds`.
pub fn json<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let (Some(kind), Some(costs)) = (KINDS.get(index), all(system).get(index).copied()) else {
        return Ok(0);
    };
    writeln!(
        out,
        r#"{{"cost":"{kind}","unit":"instructions","times":{},"total":{},"most":{},"bounds":{BOUNDS:?},"bins":{:?}}}"#,
        costs.count(),
        costs.total,
        costs.most,
        costs.bins
    )?;
    Ok(if index + 1 < KINDS.len() {
        index + 1
    } else {
        0
    })
}
