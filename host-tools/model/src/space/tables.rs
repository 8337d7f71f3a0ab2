//! The tables of a space, each kept once.

use std::collections::HashMap;

use pagetable::{PhysAddr, Pte, VirtAddr, Visited};

/// A table, and how often the visit came by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// Where it lies.
    pub at: PhysAddr,
    /// The level at which it was read.
    pub level: u8,
    /// The first address that it translates, on the first way to it.
    pub va: VirtAddr,
    /// The entry that points to it on that way, and where that lies; the root has none.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// How many of its entries are valid.
    pub valid: u16,
    /// On how many ways it was reached.
    pub times: u64,
}

/// Which tables have been met: by address and level.
#[derive(Default)]
pub(super) struct Met(HashMap<(u64, u8), usize>);

impl Met {
    pub(super) fn note(&mut self, tables: &mut Vec<TableUse>, seen: &Visited) {
        let place = *self
            .0
            .entry((seen.at.raw(), seen.level))
            .or_insert(tables.len());
        match tables.get_mut(place) {
            Some(table) => table.times += 1,
            None => tables.push(TableUse {
                at: seen.at,
                level: seen.level,
                va: seen.va,
                pointer: seen.pointer,
                valid: seen.valid,
                times: 1,
            }),
        }
    }
}
