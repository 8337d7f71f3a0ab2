//! The tables themselves: their cost, their pointers, and who can reach them.

use pagetable::{PAGE_BYTES, Pte, VirtAddr};

use super::{Lint, rule};
use crate::Space;
use crate::space::MappedRange;

pub(super) fn judge(place: usize, space: &Space, found: &mut Vec<Lint>) {
    let (mut global, mut empty, mut first_empty) = (0_u64, 0_u64, None);
    let mut first_global = None;
    for table in &space.tables {
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
        let (all, kib) = (space.tables.len(), empty * PAGE_BYTES / 1024);
        found.push(Lint {
            pa: Some(table.at),
            ..Lint::new(
                rule("empty-tables"),
                place,
                table.va,
                format!("{empty} of {all} tables, {kib} KiB"),
            )
        });
    }
    if let Some(table) = first_global {
        found.push(Lint {
            pa: Some(table.at),
            entry_at: table.pointer.map(|(at, _)| at),
            entry: table.pointer.map(|(_, pte)| pte),
            ..Lint::new(
                rule("pointer-global"),
                place,
                table.va,
                format!("{global} pointers"),
            )
        });
    }
}

/// User ranges by physical address, and how far those up to each reach.
struct Reach<'a> {
    by_pa: Vec<(usize, &'a MappedRange)>,
    /// The range up to here that ends last.
    furthest: Vec<usize>,
}

impl<'a> Reach<'a> {
    fn of(spaces: &'a [Space], flags: u64) -> Reach<'a> {
        let all = spaces.iter().enumerate();
        let ranges = all.flat_map(|(place, space)| space.ranges.iter().map(move |it| (place, it)));
        let mut by_pa: Vec<_> = ranges.filter(|(_, it)| it.flags().has(flags)).collect();
        by_pa.sort_by_key(|(_, range)| range.pa);
        let mut furthest: Vec<usize> = Vec::with_capacity(by_pa.len());
        for here in 0..by_pa.len() {
            let last = furthest.last().copied().unwrap_or(here);
            let is_further = end(by_pa[here].1) > end(by_pa[last].1);
            furthest.push(if is_further { here } else { last });
        }
        Reach { by_pa, furthest }
    }

    /// A user range that the page at `at` is in.
    fn covering(&self, at: u64) -> Option<(usize, &'a MappedRange)> {
        let before = self
            .by_pa
            .partition_point(|(_, range)| range.pa.raw() <= at);
        let place = *self.furthest.get(before.checked_sub(1)?)?;
        let (space, range) = self.by_pa[place];
        (end(range) > u128::from(at)).then_some((space, range))
    }
}

fn end(range: &MappedRange) -> u128 {
    u128::from(range.pa.raw()) + u128::from(range.bytes)
}

/// Tables that user mode can read or write, through any of the roots.
pub(super) fn reachable(spaces: &[Space], found: &mut Vec<Lint>) {
    let writable = Reach::of(spaces, Pte::USER | Pte::WRITE);
    let any = Reach::of(spaces, Pte::USER);
    let mut tables: Vec<u64> = spaces
        .iter()
        .flat_map(|space| space.tables.iter().map(|table| table.at.raw()))
        .collect();
    tables.sort_unstable();
    tables.dedup();
    for at in tables {
        let hit = match writable.covering(at) {
            Some(hit) => Some((rule("table-writable-by-user"), hit)),
            None => any
                .covering(at)
                .map(|hit| (rule("table-readable-by-user"), hit)),
        };
        let Some((rule, (space, range))) = hit else {
            continue;
        };
        let va: VirtAddr = range.va.wrapping_add(at - range.pa.raw());
        let at = pagetable::PhysAddr::new(at);
        found.push(Lint {
            pa: Some(at),
            bytes: PAGE_BYTES,
            ..Lint::new(
                rule,
                space,
                va,
                format!("the table at {at} is mapped {}", range.flags().flags()),
            )
        });
    }
}
