//! Totals over faults, computed one fault at a time without keeping them.

use std::collections::{BTreeMap, HashMap};

use abi::Cause;

use super::{FaultPage, FaultRate};
use crate::ledger::LedgerRow;

/// Number of pages with a count of their own. Faults on further pages are summed.
const MOST_PAGES: usize = 1 << 18;
/// Number of milliseconds kept open: a fault may arrive that much later than a newer one.
const OPEN_MS: usize = 1 << 12;

/// Counts over faults in bounded memory.
#[derive(Clone, Debug, Default)]
pub(super) struct FaultTotals {
    faults: u64,
    causes: BTreeMap<Cause, u64>,
    tasks: BTreeMap<Option<u16>, u64>,
    pages: HashMap<FaultPage, u64>,
    other_pages: u64,
    has_wide: bool,
    timed: u64,
    /// The newest milliseconds, by boot.
    milliseconds: BTreeMap<(u32, u64), u64>,
    most_in_a_millisecond: u64,
    /// First and last time of the newest boot, and the summed microseconds of earlier boots.
    span: Option<(u32, u64, u64)>,
    spans_us: u64,
}

impl FaultTotals {
    pub fn add(&mut self, row: &LedgerRow) {
        let fault = &row.sighting.fault;
        self.faults += 1;
        *self.causes.entry(fault.cause()).or_default() += 1;
        *self.tasks.entry(fault.task()).or_default() += 1;
        self.has_wide |= (fault.va | fault.epc) >> 32 != 0;
        if fault.cause().has_address() {
            let page = FaultPage {
                task: fault.task(),
                address: fault.page(),
            };
            let is_full = self.pages.len() >= MOST_PAGES;
            match self.pages.get_mut(&page) {
                Some(count) => *count += 1,
                None if is_full => self.other_pages += 1,
                None => drop(self.pages.insert(page, 1)),
            }
        }
        if let Some(time_us) = row.sighting.time_us {
            self.time(row.boot, time_us);
        }
    }

    fn time(&mut self, boot: u32, time_us: u64) {
        self.timed += 1;
        let count = self.milliseconds.entry((boot, time_us / 1000)).or_default();
        *count += 1;
        self.most_in_a_millisecond = self.most_in_a_millisecond.max(*count);
        if self.milliseconds.len() > OPEN_MS {
            self.milliseconds.pop_first();
        }
        // The time between two boots belongs to neither.
        self.span = Some(match self.span {
            Some((of, first, last)) if of == boot => (boot, first.min(time_us), last.max(time_us)),
            before => {
                let ended = before.map_or(0, |(_, first, last)| last - first);
                self.spans_us = self.spans_us.saturating_add(ended);
                (boot, time_us, time_us)
            }
        });
    }

    pub fn faults(&self) -> u64 {
        self.faults
    }

    pub fn other_pages(&self) -> u64 {
        self.other_pages
    }

    pub fn has_wide(&self) -> bool {
        self.has_wide
    }

    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        most_first(self.causes.iter().map(|(cause, count)| (*cause, *count)))
    }

    pub fn by_task(&self) -> Vec<(Option<u16>, u64)> {
        most_first(self.tasks.iter().map(|(task, count)| (*task, *count)))
    }

    pub fn by_page(&self) -> Vec<(FaultPage, u64)> {
        most_first(self.pages.iter().map(|(page, count)| (*page, *count)))
    }

    pub fn rate(&self) -> Option<FaultRate> {
        let (_, first, last) = self.span?;
        Some(FaultRate {
            faults: self.timed,
            span_us: self.spans_us.saturating_add(last - first),
            most_in_a_millisecond: self.most_in_a_millisecond,
        })
    }
}

/// Sorted by count, largest first, then by key.
fn most_first<K: Ord>(counts: impl Iterator<Item = (K, u64)>) -> Vec<(K, u64)> {
    let mut counts: Vec<(K, u64)> = counts.collect();
    counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    counts
}
