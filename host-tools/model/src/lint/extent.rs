//! Extent of memory, estimated from the tables.
//!
//! Without a memory map the tables give one in part: tables are in memory, programs run from it, and a range
//! that contains a table is memory throughout. A pointer beyond all of these is an error and not a table
//! missing from the dump.

use pagetable::{PAGE_BYTES, PhysAddr, Pte};

use crate::AddressSpace;
use crate::space::MappedRange;

/// First and last address that is known to be memory.
pub(super) struct Extent {
    /// Physical addresses of the tables, sorted.
    tables: Vec<u64>,
    first: u64,
    last: u64,
}

impl Extent {
    /// The extent seen in some spaces.
    pub fn of(spaces: &[AddressSpace]) -> Extent {
        let mut tables: Vec<u64> = Vec::new();
        for space in spaces {
            tables.extend(space.tables().iter().map(|table| table.at.raw()));
            tables.sort_unstable();
            tables.dedup();
        }
        let (first, last) = (tables.first().copied(), tables.last().copied());
        Extent {
            first: first.unwrap_or(u64::MAX),
            last: last.map_or(0, |last| last.saturating_add(PAGE_BYTES - 1)),
            tables,
        }
    }

    /// From the first table to the end of the last.
    pub fn tables(&self) -> Option<(u64, u64)> {
        let (first, last) = (self.tables.first()?, self.tables.last()?);
        Some((*first, last.saturating_add(PAGE_BYTES - 1)))
    }

    /// Extends it by a range that must be memory.
    pub fn take(&mut self, range: &MappedRange) {
        let (first, last) = (
            range.pa.raw(),
            range.pa.raw().saturating_add(range.bytes - 1),
        );
        let is_inside = self.first <= first && last <= self.last;
        if is_inside {
            return;
        }
        let holds_table = || {
            let next = self.tables.partition_point(|at| *at < first);
            self.tables.get(next).is_some_and(|at| *at <= last)
        };
        if range.flags().has(Pte::USER) || range.flags().has(Pte::EXEC) || holds_table() {
            self.first = self.first.min(first);
            self.last = self.last.max(last);
        }
    }

    /// Whether an address is outside of all that was seen.
    pub fn is_beyond(&self, at: PhysAddr) -> bool {
        !self.tables.is_empty() && !(self.first..=self.last).contains(&at.raw())
    }
}
