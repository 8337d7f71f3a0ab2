//! Working sets: how many of a task's pages are there, were touched, were written to.

use core::fmt::{self, Write};

use pagetable::{Pte, VirtAddr};

use crate::mm::{Budget, Machine, PAGE_BYTES, PageCounts, Space, table};
use crate::platform::Platform;
use crate::system::System;

/// Counts the pages of a space from `va` on, as far as the budget reaches; whether that was to the end.
pub(super) fn count<M: Machine>(
    machine: &M,
    space: &Space,
    va: &mut u64,
    counts: &mut PageCounts,
    budget: &mut Budget,
) -> bool {
    for region in space.regions() {
        let end = region.end().raw();
        *va = (*va).max(region.base.raw());
        while *va < end {
            if budget.is_spent() {
                return false;
            }
            budget.look();
            let stop = table::walk(machine, space.root(), VirtAddr::new(*va));
            let reach = M::MODE.leaf_bytes(stop.level);
            let next = ((*va / reach + 1) * reach).min(end);
            if table::page_of::<M>(stop.entry, stop.level).is_some() {
                let pages = (next - *va) / PAGE_BYTES;
                let pte = Pte::new(stop.entry);
                counts.resident += pages;
                counts.accessed += if pte.has(Pte::ACCESSED) { pages } else { 0 };
                counts.dirty += if pte.has(Pte::DIRTY) { pages } else { 0 };
            }
            *va = next;
        }
    }
    true
}

/// Index n + 1 is the n-th process.
pub fn line<P: Platform>(
    system: &System<P>,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(place) = index.checked_sub(1) else {
        writeln!(out, "  PID RESIDENT ACCESSED    DIRTY COMMAND")?;
        return Ok(1);
    };
    let Some(process) = system.tasks.processes().nth(place) else {
        return Ok(0);
    };
    let found = &system.surveyed.pages;
    writeln!(
        out,
        "{:>5} {:>8} {:>8} {:>8} {}",
        process.pid,
        found.resident,
        found.accessed,
        found.dirty,
        process.line()
    )?;
    Ok(if system.tasks.processes().nth(place + 1).is_some() {
        index + 1
    } else {
        0
    })
}
