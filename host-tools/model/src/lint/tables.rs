//! Rules on the tables: their cost, their pointers, and access to them.

use std::collections::HashMap;

use pagetable::{PAGE_BYTES, PhysAddr, Pte};

use super::{Lint, rules};
use crate::AddressSpace;
use crate::counted;
use crate::space::{MappedRange, TableUse};

pub(super) fn judge(place: usize, space: &AddressSpace, found: &mut Vec<Lint>) {
    let (mut global, mut empty, mut first_empty) = (0_u64, 0_u64, None);
    let mut first_global = None;
    let tables = space.tables();
    for table in &tables {
        if table.valid == 0 {
            empty += 1;
            first_empty.get_or_insert(table);
        }
        if table.pointer.is_some_and(|(_, pte)| pte.has(Pte::GLOBAL)) {
            global += 1;
            first_global.get_or_insert(table);
        }
    }
    if let Some(table) = first_empty {
        let (all, kib) = (tables.len(), empty * PAGE_BYTES / 1024);
        found.push(Lint {
            pa: Some(table.at),
            ..Lint::new(
                &rules::EMPTY_TABLES,
                place,
                table.va,
                format!("{empty} of {}, {kib} KiB", counted(all, "table", "tables")),
            )
        });
    }
    if let Some(table) = first_global {
        found.push(Lint {
            pa: Some(table.at),
            entry_at: table.pointer.map(|(at, _)| at),
            entry: table.pointer.map(|(_, pte)| pte),
            ..Lint::new(
                &rules::POINTER_GLOBAL,
                place,
                table.va,
                counted(global, "pointer", "pointers"),
            )
        });
    }
    aliased(place, space, &tables, found);
}

/// This many pointers to one table do not result from a kernel mapping something twice.
const MANY: u64 = 8;

/// Tables that many pointers lead to; the tables below them, reached as often, are left out.
fn aliased(place: usize, space: &AddressSpace, tables: &[TableUse], found: &mut Vec<Lint>) {
    let key = |at: PhysAddr, level: u8| (at, level);
    let times: HashMap<_, u64> = tables
        .iter()
        .map(|it| (key(it.at, it.level), it.times))
        .collect();
    for table in tables.iter().filter(|table| table.valid > 0) {
        let Some((entry_at, pte)) = table.pointer else {
            continue;
        };
        let from = key(entry_at.align_down(PAGE_BYTES), table.level + 1);
        let above = times.get(&from).copied().unwrap_or(1).max(1);
        let pointers = table.times / above;
        // Untouched shadow memory (KASAN) maps one page many times on purpose, and leaves no entry out.
        let is_full = usize::from(table.valid) == space.mode().entries();
        if pointers < MANY || is_full && space.is_one_page(table.at, table.level) {
            continue;
        }
        found.push(Lint {
            pa: Some(table.at),
            entry_at: Some(entry_at),
            entry: Some(pte),
            ..Lint::new(
                &rules::ALIASED_TABLE,
                place,
                table.va,
                format!("{pointers} pointers lead to it at level {}", table.level),
            )
        });
    }
}

/// User ranges of all roots.
#[derive(Default)]
pub(super) struct Reach {
    ranges: Vec<(usize, MappedRange)>,
}

/// Ranges by physical address, with the highest end up to each.
struct ByPa<'a> {
    by_pa: Vec<&'a (usize, MappedRange)>,
    /// For each index, the range up to there with the highest end.
    furthest: Vec<usize>,
}

impl<'a> ByPa<'a> {
    fn of(ranges: &'a [(usize, MappedRange)], flags: u64) -> ByPa<'a> {
        let has = |it: &&(usize, MappedRange)| it.1.flags().has(flags);
        let mut by_pa: Vec<_> = ranges.iter().filter(has).collect();
        by_pa.sort_by_key(|(_, range)| range.pa);
        let mut furthest: Vec<usize> = Vec::with_capacity(by_pa.len());
        for here in 0..by_pa.len() {
            let last = furthest.last().copied().unwrap_or(here);
            let is_further = end(&by_pa[here].1) > end(&by_pa[last].1);
            furthest.push(if is_further { here } else { last });
        }
        ByPa { by_pa, furthest }
    }

    /// A range that contains the page at `at`.
    fn covering(&self, at: PhysAddr) -> Option<&'a (usize, MappedRange)> {
        let before = self.by_pa.partition_point(|(_, range)| range.pa <= at);
        let place = *self.furthest.get(before.checked_sub(1)?)?;
        let found = self.by_pa[place];
        (end(&found.1) > u128::from(at.raw())).then_some(found)
    }
}

fn end(range: &MappedRange) -> u128 {
    u128::from(range.pa.raw()) + u128::from(range.bytes)
}

impl Reach {
    /// Adds a range of a root.
    pub fn take(&mut self, place: usize, range: &MappedRange) {
        if range.flags().has(Pte::USER) {
            self.ranges.push((place, *range));
        }
    }

    /// Tables that user mode can read or write through any root.
    pub fn tables(&self, spaces: &[AddressSpace], found: &mut Vec<Lint>) {
        if self.ranges.is_empty() {
            return;
        }
        let writable = ByPa::of(&self.ranges, Pte::USER | Pte::WRITE);
        let any = ByPa::of(&self.ranges, Pte::USER);
        let mut tables: Vec<PhysAddr> = Vec::new();
        for space in spaces {
            tables.extend(space.tables().iter().map(|table| table.at));
            tables.sort_unstable();
            tables.dedup();
        }
        for at in tables {
            let hit = match writable.covering(at) {
                Some(hit) => Some((&rules::TABLE_WRITABLE_BY_USER, hit)),
                None => any
                    .covering(at)
                    .map(|hit| (&rules::TABLE_READABLE_BY_USER, hit)),
            };
            let Some((rule, (space, range))) = hit else {
                continue;
            };
            let va = range.va.wrapping_add(at.raw() - range.pa.raw());
            let flags = range.flags().flags();
            found.push(Lint {
                pa: Some(at),
                bytes: PAGE_BYTES,
                ..Lint::new(
                    rule,
                    *space,
                    va,
                    format!("the table at {at} is mapped {flags}"),
                )
            });
        }
    }
}
