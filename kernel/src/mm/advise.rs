//! Advice: how a range will be used, as [`abi::Advice`] lists it.

use abi::Error;
use pagetable::VirtAddr;

use super::range::Covered;
use super::region::{AccessPattern, Object, Region, RegionKind};
use super::{Job, Space};

impl Space {
    /// Says how a range will be used: see [`abi::Advice`]. What is left to do, if anything is.
    pub fn begin_advise(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        advice: abi::Advice,
    ) -> Result<Option<Job>, Error> {
        let covered = self.covered(va, bytes)?;
        match advice {
            abi::Advice::Normal => self
                .set_advice(&covered, AccessPattern::Normal)
                .map(|()| None),
            abi::Advice::Random => self
                .set_advice(&covered, AccessPattern::Random)
                .map(|()| None),
            abi::Advice::WillNeed => Ok(Some(Job::bring_in(va, covered.end))),
            abi::Advice::DontNeed => self.begin_forget(&covered).map(Some),
        }
    }

    fn set_advice(&mut self, covered: &Covered, advice: AccessPattern) -> Result<(), Error> {
        if !self.has_room(self.borders(covered)) {
            return Err(Error::LimitExceeded);
        }
        for region in self.isolate(covered) {
            region.advice = advice;
        }
        self.coalesce(covered.va, covered.end);
        Ok(())
    }

    /// Pages go, and are as at first when they are touched again.
    fn begin_forget(&mut self, covered: &Covered) -> Result<Job, Error> {
        let own = |region: &Region| {
            let is_private = matches!(
                region.object,
                Object::Zero | Object::Image { .. } | Object::Stored { .. }
            );
            is_private && region.kind != RegionKind::Borrowed
        };
        if !self.within(covered).iter().all(own) {
            return Err(Error::AccessDenied);
        }
        Ok(Job::forget(covered.va, covered.end))
    }
}
