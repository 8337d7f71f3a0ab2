//! Pages that a program wants in memory: now, or for as long as it says.

use abi::Error;
use pagetable::VirtAddr;

use super::range::Covered;
use super::region::{Prot, Region};
use super::{Frames, Job, PAGE_BYTES, Space};

/// A process may pin a part of the pool: one in so many of its frames.
const PINNED_SHARE: u32 = 4;

impl Space {
    /// Brings all pages of a range into memory; what is left to do.
    ///
    /// Errors as for [`Self::begin_unmap`], and `AccessDenied` where no access is permitted.
    pub fn begin_page_in(&mut self, va: VirtAddr, bytes: u64) -> Result<Job, Error> {
        let covered = self.covered(va, bytes)?;
        self.may_be_touched(&covered)?;
        Ok(Job::page_in(va, covered.end))
    }

    /// The same, and from now on they stay: also those of them that the job has not come to.
    ///
    /// Errors as for [`Self::begin_page_in`], and `LimitExceeded` for more pages than one process may pin, and where the
    /// table of regions is full.
    pub fn begin_pin(&mut self, va: VirtAddr, bytes: u64, frames: &Frames) -> Result<Job, Error> {
        let covered = self.covered(va, bytes)?;
        self.may_be_touched(&covered)?;
        let pages = (covered.end.raw() - va.raw()) / PAGE_BYTES;
        let already = self.within(&covered).iter().map(|region| {
            let (from, end) = (region.base.max(va), region.end().min(covered.end));
            let pages = (end.raw() - from.raw()) / PAGE_BYTES;
            pages * u64::from(region.usage.is_pinned())
        });
        let more = pages - already.sum::<u64>();
        let limit = frames.counts().pool / PINNED_SHARE;
        if u64::from(self.pinned()) + more > u64::from(limit) {
            return Err(Error::LimitExceeded);
        }
        self.set_usage(&covered, |usage| usage.with_pinned(true))?;
        Ok(Job::pin(va, covered.end))
    }

    /// Pages of a range may go again. `LimitExceeded` where the table of regions is full.
    pub fn unpin(&mut self, va: VirtAddr, bytes: u64) -> Result<(), Error> {
        let covered = self.covered(va, bytes)?;
        self.set_usage(&covered, |usage| usage.with_pinned(false))
    }

    /// Pages that the program has pinned, those among them that have not come yet too.
    pub fn pinned(&self) -> u32 {
        let pinned = self.regions().iter().filter(|it| it.usage.is_pinned());
        pinned.map(|region| region.pages).sum()
    }

    fn may_be_touched(&self, covered: &Covered) -> Result<(), Error> {
        let may = |region: &Region| region.prot != Prot::NONE;
        match self.within(covered).iter().all(may) {
            true => Ok(()),
            false => Err(Error::AccessDenied),
        }
    }
}
