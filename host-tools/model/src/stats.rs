//! Statistics of an address space: tables, page sizes, permissions, TLB reach.

use std::collections::BTreeMap;

mod figures;

use pagetable::Pte;

use crate::AddressSpace;
use crate::space::TableUse;
use figures::Figures;

/// The tables of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Number of tables, each counted once.
    pub tables: u64,
    /// Number of tables without a valid entry.
    pub empty: u64,
    /// Number of valid entries in all of them.
    pub valid: u64,
}

/// Common TLB sizes, in entries.
pub const TLB_ENTRIES: [u64; 4] = [16, 64, 512, 1024];

/// Statistics of one address space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// By level, the root's last.
    pub levels: BTreeMap<u8, Level>,
    /// Number of entries in a full table.
    pub entries_per_table: u64,
    /// Bytes and translations for each page size; a Svnapot page is one translation.
    pub sizes: BTreeMap<u64, (u128, u64)>,
    /// Bytes for each combination of `rwxu`.
    pub permissions: BTreeMap<String, u128>,
    /// Number of contiguous ranges with equal attributes.
    pub ranges: u64,
    /// Bytes in pages that could be part of a larger page: equal attributes, contiguous, and aligned in both
    /// addresses.
    pub joinable_bytes: u128,
    /// Number of TLB entries, and the bytes covered by as many of the largest pages.
    pub reach: Vec<(u64, u128)>,
}

impl Stats {
    /// Statistics of one space.
    pub fn of(space: &AddressSpace) -> Stats {
        Figures::default().stats(space)
    }

    /// Statistics of several spaces; tables they share are counted once.
    pub fn of_all(spaces: &[AddressSpace]) -> Vec<Stats> {
        let mut figures = Figures::default();
        spaces.iter().map(|space| figures.stats(space)).collect()
    }

    fn table(&mut self, table: &TableUse) {
        let level = self.levels.entry(table.level).or_default();
        level.tables += 1;
        level.empty += u64::from(table.valid == 0);
        level.valid += u64::from(table.valid);
    }

    /// Bytes covered by `entries` of the largest pages.
    fn reached(&self, entries: u64) -> u128 {
        let mut left = entries;
        let largest = self.sizes.iter().rev();
        largest.fold(0, |sum, (bytes, (_, pages))| {
            let taken = left.min(*pages);
            left -= taken;
            sum + u128::from(*bytes) * u128::from(taken)
        })
    }

    /// Number of tables.
    pub fn tables(&self) -> u64 {
        self.levels.values().map(|level| level.tables).sum()
    }

    /// Number of tables without a valid entry.
    pub fn empty(&self) -> u64 {
        self.levels.values().map(|level| level.empty).sum()
    }

    /// Number of TLB entries needed to cover everything.
    pub fn translations(&self) -> u64 {
        self.sizes.values().map(|(_, pages)| pages).sum()
    }
}

/// The permissions in a PTE, as `rwxu`.
pub fn permission(flags: Pte) -> String {
    flags.flags().to_string()[..4].to_owned()
}
