//! The working set: what has been used since A and D were last cleared.

use std::collections::BTreeMap;

use pagetable::Pte;

use crate::AddressSpace;
use crate::space::MappedRange;

/// Bytes in three heaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// All that is mapped.
    pub mapped: u128,
    /// Of that, with A.
    pub accessed: u128,
    /// Of that, with D.
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
    /// Everything.
    pub all: Used,
    /// By `rwxu`.
    pub permissions: BTreeMap<String, Used>,
    /// What has A, by address.
    pub ranges: Vec<MappedRange>,
}

impl WorkingSet {
    /// What a space's bits tell.
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

/// One look at a space that is looked at again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Microseconds since the first look.
    pub time_us: u64,
    /// What had been used by then.
    pub used: Used,
    /// Bytes that got A since the look before.
    pub newly_accessed: u128,
    /// Bytes that got D since then.
    pub newly_dirty: u128,
    /// Bytes that lost A: somebody cleared it.
    pub cleared: u128,
    /// Bytes that are mapped and were not.
    pub added: u128,
    /// Bytes that were mapped and are not.
    pub removed: u128,
    /// The tables were read in a way that need not see what the hart last wrote.
    pub is_possibly_stale: bool,
}

impl Sample {
    /// This look, after the one before it.
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
