//! Working sets: how many of a task's pages are there, were touched, were written to.

use core::fmt::{self, Write};

use pagetable::{Pte, VirtAddr};

use crate::mm::{Machine, PAGE_BYTES, Space, table};
use crate::platform::Platform;
use crate::system::System;

/// Pages of a space, counted from its leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pages {
    /// There.
    pub resident: u64,
    /// With A.
    pub accessed: u64,
    /// With D.
    pub dirty: u64,
}

/// Counts them by walking the tables.
pub(super) fn pages<M: Machine>(machine: &M, space: &Space) -> Pages {
    let mut found = Pages::default();
    for region in space.regions() {
        let mut va = region.base.raw();
        while va < region.end().raw() {
            let stop = table::walk(machine, space.root(), VirtAddr::new(va));
            let reach = M::MODE.leaf_bytes(stop.level);
            let next = (va / reach + 1) * reach;
            if table::page_of::<M>(stop.entry, stop.level).is_some() {
                let pages = (next.min(region.end().raw()) - va) / PAGE_BYTES;
                let pte = Pte::new(stop.entry);
                found.resident += pages;
                found.accessed += if pte.has(Pte::ACCESSED) { pages } else { 0 };
                found.dirty += if pte.has(Pte::DIRTY) { pages } else { 0 };
            }
            va = next;
        }
    }
    found
}

/// Index n + 1 is the n-th task.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(place) = index.checked_sub(1) else {
        writeln!(out, "  PID RESIDENT ACCESSED    DIRTY COMMAND")?;
        return Ok(1);
    };
    let Some((_, task)) = system.tasks.iter().nth(place) else {
        return Ok(0);
    };
    let found = pages(&system.local.platform, &task.space);
    writeln!(
        out,
        "{:>5} {:>8} {:>8} {:>8} {}",
        task.pid,
        found.resident,
        found.accessed,
        found.dirty,
        task.line()
    )?;
    Ok(if system.tasks.iter().nth(place + 1).is_some() {
        index + 1
    } else {
        0
    })
}
