//! How an address space is made: tables, page sizes, permissions, what a TLB can hold of it.

use std::collections::BTreeMap;

mod figures;

use pagetable::Pte;

use crate::AddressSpace;
use crate::space::TableUse;
use figures::Figures;

/// The tables of one level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Tables, each counted once.
    pub tables: u64,
    /// Those without a valid entry.
    pub empty: u64,
    /// Valid entries in all of them.
    pub valid: u64,
}

/// Sizes of TLBs that harts of today have, in entries.
pub const TLB_ENTRIES: [u64; 4] = [16, 64, 512, 1024];

/// What is known of a space's making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// By level, the root's last.
    pub levels: BTreeMap<u8, Level>,
    /// Entries of a full table.
    pub entries_per_table: u64,
    /// Bytes and translations by size of page; a page of Svnapot is one.
    pub sizes: BTreeMap<u64, (u128, u64)>,
    /// Bytes by `rwxu`.
    pub permissions: BTreeMap<String, u128>,
    /// Runs of memory that are mapped side by side and alike.
    pub ranges: u64,
    /// Bytes in pages that could be part of a page of the next size: mapped alike, side by side,
    /// and aligned in both addresses.
    pub joinable_bytes: u128,
    /// Entries of a TLB, and the bytes that the largest pages reach with as many.
    pub reach: Vec<(u64, u128)>,
}

impl Stats {
    /// Counts one space.
    pub fn of(space: &AddressSpace) -> Stats {
        Figures::default().stats(space)
    }

    /// Counts each space; the tables that they share are counted once.
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

    /// Bytes that so many of the largest pages map.
    fn reached(&self, entries: u64) -> u128 {
        let mut left = entries;
        let largest = self.sizes.iter().rev();
        largest.fold(0, |sum, (bytes, (_, pages))| {
            let taken = left.min(*pages);
            left -= taken;
            sum + u128::from(*bytes) * u128::from(taken)
        })
    }

    /// Tables in all.
    pub fn tables(&self) -> u64 {
        self.levels.values().map(|level| level.tables).sum()
    }

    /// Tables without a valid entry.
    pub fn empty(&self) -> u64 {
        self.levels.values().map(|level| level.empty).sum()
    }

    /// Translations that cover everything: what a TLB would need to hold it all.
    pub fn translations(&self) -> u64 {
        self.sizes.values().map(|(_, pages)| pages).sum()
    }
}

/// What may be done with pages of these flags, as `rwxu`.
pub fn permission(flags: Pte) -> String {
    flags.flags().to_string()[..4].to_owned()
}
