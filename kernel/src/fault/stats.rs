//! What paging did: counters for each thread, and for all.

use abi::PagingStatistics;

/// What paging did for a thread. Words that wrap, as its count of faults: every thread that starts has to clear them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadPaging {
    /// Faults of the kernel in its calls.
    pub in_calls: u32,
    /// Pages that a store was read for.
    pub major: u32,
    /// Pages that were evicted for it without being written.
    pub clean: u32,
    /// Pages that were evicted for it and written.
    pub dirty: u32,
    /// Pages that were written to the backing store for it.
    pub out: u32,
    /// Pages that were read from the backing store for it.
    pub back: u32,
}

/// What paging did for all, as far as it is counted nowhere else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PagingCounts {
    /// Faults of the kernel in calls of programs.
    pub in_calls: u64,
    /// Pages that a store was read for.
    pub major: u64,
}

/// What was taken since boot, and what the backing store has done, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Evicted without being written.
    pub clean: u64,
    /// Evicted and written.
    pub dirty: u64,
    /// Written to the store.
    pub out: u64,
    /// Read from the store.
    pub back: u64,
}

impl ThreadPaging {
    /// Nothing yet.
    pub const ZERO: ThreadPaging = ThreadPaging {
        in_calls: 0,
        major: 0,
        clean: 0,
        dirty: 0,
        out: 0,
        back: 0,
    };

    /// What has come about between `before` and `after` was for the thread.
    pub fn add(&mut self, before: Moved, after: Moved) {
        let more = |count: &mut u32, before: u64, after: u64| {
            *count = count.wrapping_add((after - before) as u32);
        };
        more(&mut self.clean, before.clean, after.clean);
        more(&mut self.dirty, before.dirty, after.dirty);
        more(&mut self.out, before.out, after.out);
        more(&mut self.back, before.back, after.back);
    }

    /// As programs get it, with so many faults.
    pub fn statistics(&self, faults: u32) -> PagingStatistics {
        PagingStatistics {
            faults: faults.into(),
            in_calls: self.in_calls.into(),
            major: self.major.into(),
            evicted_clean: self.clean.into(),
            evicted_dirty: self.dirty.into(),
            pages_out: self.out.into(),
            pages_in: self.back.into(),
        }
    }
}
