//! The working set: pages used since A and D were last cleared.

use std::collections::BTreeMap;

use pagetable::Pte;

use crate::AddressSpace;
use crate::space::MappedRange;

/// Bytes mapped and used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Bytes mapped.
    pub mapped: u128,
    /// Bytes with A set.
    pub accessed: u128,
    /// Bytes with D set.
    pub dirty: u128,
}

impl Used {
    fn add(&mut self, range: &MappedRange) {
        let bytes = u128::from(range.bytes);
        self.mapped += bytes;
        self.accessed += bytes * u128::from(range.flags().has(Pte::ACCESSED));
        self.dirty += bytes * u128::from(range.flags().has(Pte::DIRTY));
    }
}

/// The working set of a space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkingSet {
    /// Totals.
    pub all: Used,
    /// Totals for each combination of `rwxu`.
    pub permissions: BTreeMap<String, Used>,
    /// Ranges with A set, by address.
    pub ranges: Vec<MappedRange>,
}

impl WorkingSet {
    /// Reads the A and D bits of a space.
    pub fn of(space: &AddressSpace) -> WorkingSet {
        let mut set = WorkingSet::default();
        for range in space.ranges() {
            set.all.add(range);
            let permission = crate::stats::permission(range.flags());
            set.permissions.entry(permission).or_default().add(range);
            if range.flags().has(Pte::ACCESSED) {
                set.ranges.push(*range);
            }
        }
        set
    }
}

/// One sample of a space that is read periodically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds since the first sample.
    pub time_us: u64,
    /// Totals at this sample.
    pub used: Used,
    /// Bytes whose A bit was set since the previous sample.
    pub newly_accessed: u128,
    /// Bytes whose D bit was set since the previous sample.
    pub newly_dirty: u128,
    /// Bytes whose A bit was cleared since the previous sample.
    pub cleared: u128,
    /// Bytes mapped since the previous sample.
    pub added: u128,
    /// Bytes unmapped since the previous sample.
    pub removed: u128,
    /// True if the tables were read past the hart's caches, so recent writes may be missing.
    pub is_possibly_stale: bool,
}

impl Sample {
    /// A sample of `space`, compared with the previous one.
    pub fn of(time_us: u64, before: Option<&AddressSpace>, space: &AddressSpace) -> Sample {
        let mut sample = Sample {
            time_us,
            used: WorkingSet::of(space).all,
            newly_accessed: 0,
            newly_dirty: 0,
            cleared: 0,
            added: 0,
            removed: 0,
            is_possibly_stale: space.is_possibly_stale,
        };
        let Some(before) = before else {
            return sample;
        };
        for change in crate::diff::diff(before, space, &[]).changes {
            let bytes = u128::from(change.bytes);
            let flags = |side: Option<crate::diff::MappedPage>| side.map(|side| side.leaf.pte);
            let (was, is) = (flags(change.before), flags(change.after));
            let has = |pte: Option<Pte>, flag| pte.is_some_and(|pte| pte.has(flag));
            let got = |flag| bytes * u128::from(!has(was, flag) && has(is, flag));
            sample.newly_accessed += got(Pte::ACCESSED);
            sample.newly_dirty += got(Pte::DIRTY);
            let lost = has(was, Pte::ACCESSED) && is.is_some() && !has(is, Pte::ACCESSED);
            sample.cleared += bytes * u128::from(lost);
            sample.added += bytes * u128::from(was.is_none());
            sample.removed += bytes * u128::from(is.is_none());
        }
        sample
    }
}
