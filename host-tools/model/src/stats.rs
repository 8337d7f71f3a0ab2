//! How an address space is made: tables, page sizes, permissions, what a TLB can hold of it.

use std::collections::BTreeMap;

use pagetable::Pte;

use crate::Space;
use crate::space::{MappedRange, TableUse};

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
    /// Counts.
    pub fn of(space: &Space) -> Stats {
        let mode = space.mode();
        let mut stats = Stats {
            levels: BTreeMap::new(),
            entries_per_table: mode.entries() as u64,
            sizes: BTreeMap::new(),
            permissions: BTreeMap::new(),
            ranges: space.ranges.len() as u64,
            joinable_bytes: 0,
            reach: Vec::new(),
        };
        for table in &space.tables {
            stats.table(table);
        }
        for range in &space.ranges {
            stats.range(range);
            stats.joinable_bytes += u128::from(joinable(range, mode));
        }
        stats.reach = TLB_ENTRIES
            .map(|entries| (entries, stats.reached(entries)))
            .into();
        stats
    }

    fn table(&mut self, table: &TableUse) {
        let level = self.levels.entry(table.level).or_default();
        level.tables += 1;
        level.empty += u64::from(table.valid == 0);
        level.valid += u64::from(table.valid);
    }

    fn range(&mut self, range: &MappedRange) {
        let size = self.sizes.entry(range.leaf.page_bytes).or_default();
        size.0 += u128::from(range.bytes);
        size.1 += range.bytes.div_ceil(range.leaf.page_bytes);
        let letters = range.flags().flags().to_string();
        *self.permissions.entry(letters[..4].to_owned()).or_default() += u128::from(range.bytes);
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

/// Bytes of a range that pages of the next level could map.
fn joinable(range: &MappedRange, mode: pagetable::Mode) -> u64 {
    if range.leaf.level + 1 >= mode.levels() {
        return 0;
    }
    let larger = mode.leaf_bytes(range.leaf.level + 1);
    if range.va.offset(larger) != range.pa.offset(larger) {
        return 0;
    }
    // Addresses end where u64 does.
    let (from, larger) = (u128::from(range.va.raw()), u128::from(larger));
    let first = from.div_ceil(larger) * larger;
    let end = (from + u128::from(range.bytes)) / larger * larger;
    end.saturating_sub(first) as u64
}

/// What may be done with pages of these flags, as `rwxu`.
pub fn permission(flags: Pte) -> String {
    flags.flags().to_string()[..4].to_owned()
}
