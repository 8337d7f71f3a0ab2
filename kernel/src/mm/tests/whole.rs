//! Calls on ranges to their end, however long that takes: for tests of what they come to.

use abi::{Advice, Error};
use pagetable::VirtAddr;

use crate::mm::{Budget, Frames, Job, JobProgress, Machine, MapRequest, Placement, Prot, Space};

impl Space {
    /// In pieces as small as there can be: what they come to does not depend on them.
    fn finish<M: Machine>(&mut self, mut job: Job, frames: &mut Frames, machine: &mut M) {
        loop {
            let mut budget = Budget::of_pages(3);
            if self.go_on(&mut job, &mut budget, frames, machine) == JobProgress::Done {
                return;
            }
        }
    }

    pub fn unmap<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if let Some(job) = self.begin_unmap(va, bytes, frames, machine)? {
            self.finish(job, frames, machine);
        }
        Ok(())
    }

    pub fn protect<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        prot: Prot,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        let job = self.begin_protect(va, bytes, prot, frames, machine)?;
        self.finish(job, frames, machine);
        Ok(())
    }

    pub fn advise<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        advice: Advice,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if let Some(job) = self.begin_advise(va, bytes, advice)? {
            self.finish(job, frames, machine);
        }
        Ok(())
    }

    pub fn sbrk<M: Machine>(
        &mut self,
        delta: i64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<VirtAddr, Error> {
        let (old, job) = self.begin_sbrk(delta, machine)?;
        if let Some(job) = job {
            self.finish(job, frames, machine);
        }
        Ok(old)
    }

    pub fn map_wired<M: Machine>(
        &mut self,
        place: Placement,
        wanted: &MapRequest,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<VirtAddr, Error> {
        let mut search = Space::search_wired::<M>(place, wanted, frames)?;
        while !frames.search_run(&mut search, &mut Budget::of_pages(3))? {}
        let mut budget = Budget::of_pages(3);
        let (base, job) =
            self.begin_wired(place, wanted, &search, &mut budget, (frames, machine))?;
        self.finish(job, frames, machine);
        Ok(base)
    }
}
