//! Kernel pages in several roots: shared but not global, or global but different.

use std::collections::HashMap;

use pagetable::{PhysAddr, Pte, VirtAddr};

use super::{Lint, Rule, rules};
use crate::AddressSpace;
use crate::space::MappedRange;

/// A page in one space: virtual address, target, bytes, flags.
type Key = (VirtAddr, PhysAddr, u64, u64);

/// Kernel ranges of the roots seen so far.
#[derive(Default)]
pub(super) struct KernelHalf {
    times: HashMap<Key, u32>,
    /// For each global page, its target and the first root.
    globals: HashMap<VirtAddr, (PhysAddr, usize)>,
    without: Vec<(usize, MappedRange)>,
    differs: Vec<(usize, MappedRange, PhysAddr, usize)>,
}

impl KernelHalf {
    /// Adds a range in tables that this root does not share; other roots may map the same page.
    pub fn own(&mut self, place: usize, range: &MappedRange) {
        if range.flags().has(Pte::USER) {
            return;
        }
        if range.flags().has(Pte::GLOBAL) {
            let global = *self.globals.entry(range.va).or_insert((range.pa, place));
            if global.0 != range.pa {
                self.differs.push((place, *range, global.0, global.1));
            }
            return;
        }
        let key = (range.va, range.pa, range.bytes, range.flags().raw() & 0x3f);
        let times = self.times.entry(key).or_default();
        *times += 1;
        if *times == 2 {
            self.without.push((place, *range));
        }
    }

    /// Adds a range in tables shared with an earlier root.
    pub fn again(&mut self, place: usize, range: &MappedRange) {
        if !range.flags().has(Pte::USER) && !range.flags().has(Pte::GLOBAL) {
            self.without.push((place, *range));
        }
    }

    /// The findings.
    pub fn found(self, spaces: &[AddressSpace]) -> impl Iterator<Item = Lint> {
        let lint = |rule: &'static Rule, place, range: MappedRange, detail| Lint {
            pa: Some(range.pa),
            bytes: range.bytes,
            ..Lint::new(rule, place, range.va, detail)
        };
        let differs = self
            .differs
            .into_iter()
            .map(move |(place, range, pa, first)| {
                let root = spaces[first].root.table;
                let detail = format!("{} here, {pa} in root {root}", range.pa);
                lint(&rules::GLOBAL_DIFFERS, place, range, detail)
            });
        let without = self.without.into_iter().map(move |(place, range)| {
            let detail = range.flags().flags().to_string();
            lint(&rules::SHARED_WITHOUT_GLOBAL, place, range, detail)
        });
        differs.chain(without)
    }
}
