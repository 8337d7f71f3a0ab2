//! Advice: how a range will be used, as [`abi::Advice`] lists it.

use abi::{Advice, Error};
use pagetable::{Pte, VirtAddr};

use super::range::Covered;
use super::region::{Region, Usage};
use super::{Budget, Frames, Job, Machine, Owner, Space, table};

/// Looks at an entry that take as long as to free a slot of the store.
const RELEASE: u32 = 4;

impl Space {
    /// Says how a range will be used: see [`abi::Advice`]. What is left to do, if anything is.
    pub fn begin_advise(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        advice: Advice,
    ) -> Result<Option<Job>, Error> {
        let covered = self.covered(va, bytes)?;
        let end = covered.end;
        match advice {
            Advice::Normal | Advice::Random => {
                let random = advice == Advice::Random;
                self.set_usage(&covered, |usage| usage.with_random(random))?;
                Ok(None)
            }
            Advice::WillNeed => Ok(Some(Job::bring_in(va, end))),
            Advice::DontNeed => self.may_drop(&covered).map(|()| Some(Job::forget(va, end))),
            Advice::Free => self.may_drop(&covered).map(|()| Some(Job::disown(va, end))),
            // Pages may be common to others, which only they who know all spaces can take: `page_out`.
            Advice::PageOut => Ok(None),
        }
    }

    /// Changes how a range is used.
    pub(super) fn set_usage(
        &mut self,
        covered: &Covered,
        change: impl Fn(Usage) -> Usage,
    ) -> Result<(), Error> {
        if !self.has_room(self.borders(covered)) {
            return Err(Error::LimitExceeded);
        }
        for region in self.isolate(covered) {
            region.usage = change(region.usage);
        }
        self.coalesce(covered.va, covered.end);
        Ok(())
    }

    /// Pages may go, and are as at first when they are touched again: not those that others see too, or that are pinned.
    fn may_drop(&self, covered: &Covered) -> Result<(), Error> {
        let own = |region: &Region| region.is_private() && !region.is_pinned();
        match self.within(covered).iter().all(own) {
            true => Ok(()),
            false => Err(Error::AccessDenied),
        }
    }

    /// What pages of a range hold is not needed: the evictor need not write one, as D is clear and it has no slot.
    /// What only the store has is dropped now.
    pub(super) fn disown<M: Machine>(
        &mut self,
        job: (VirtAddr, VirtAddr),
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> VirtAddr {
        let (from, end) = job;
        let mut va = from.raw();
        let mut changed = false;
        while va < end.raw() && !budget.is_spent() {
            budget.look();
            let stop = table::walk(machine, self.root(), VirtAddr::new(va));
            let reach = M::MODE.leaf_bytes(stop.level);
            if let Some(slot) = table::slot_of(stop.entry) {
                machine.write_entry(stop.at, 0);
                frames.backing.release(slot);
                self.swapped -= 1;
                budget.looks(RELEASE);
            } else if let Some(frame) = table::page_of::<M>(stop.entry, stop.level)
                && let Owner::Page { space, .. } = frames.owner(frame)
                && space == self.id()
            {
                if let Some(slot) = frames.slot_of(frame) {
                    frames.set_slot(frame, None);
                    frames.backing.release(slot);
                }
                machine.write_entry(stop.at, stop.entry & !Pte::DIRTY);
                changed = true;
                budget.pages(1);
            }
            va = (va / reach + 1) * reach;
        }
        if changed {
            // A hart that holds a leaf with D does not set it again.
            machine.fence_all();
        }
        VirtAddr::new(va.min(end.raw()))
    }
}
