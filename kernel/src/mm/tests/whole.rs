//! Calls on ranges to their end, however long that takes: for tests of what they come to.

use abi::{Access, Advice, Error};
use pagetable::VirtAddr;

use crate::mm::reclaim::evict_page;
use crate::mm::{
    Budget, Frames, Job, JobProgress, Machine, MapRequest, PAGE_BYTES, PageRequest, Placement,
    Prot, Space, page_in, table,
};

/// Any page of the space goes; false if none can.
fn evict_one<M: Machine>(space: &mut Space, frames: &mut Frames, machine: &mut M) -> bool {
    let regions = space.regions().to_vec();
    let mut pages = regions.iter().flat_map(|region| {
        let pages = 0..u64::from(region.pages).min(64);
        pages.map(|page| region.base.wrapping_add(page * PAGE_BYTES))
    });
    pages.any(|va| {
        let stop = table::walk(machine, space.root(), va);
        let page = table::page_of::<M>(stop.entry, stop.level);
        page.is_some_and(|frame| {
            let went = evict_page(space, frames, machine, (va, frame), true);
            went.is_ok()
        })
    })
}

impl Space {
    /// In pieces as small as there can be: what they come to does not depend on them.
    fn finish<M: Machine>(&mut self, mut job: Job, frames: &mut Frames, machine: &mut M) {
        loop {
            let mut budget = Budget::of_pages(3);
            match self.go_on(&mut job, &mut budget, frames, machine) {
                JobProgress::Done => return,
                JobProgress::More => {}
                JobProgress::NoFrame => assert!(evict_one(self, frames, machine), "{job:?}"),
                JobProgress::Wait(request) => {
                    frames.fail_after = None;
                    while page_in(self, frames, machine, request).is_err() {
                        assert!(evict_one(self, frames, machine), "{request:?} of {job:?}");
                    }
                }
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
        if let Some(va) = self.heap_page_after(delta)
            && self.is_stored(machine, va)
        {
            let access = Access::Read;
            let request = PageRequest { va, access };
            page_in(self, frames, machine, request).map_err(|_| Error::OutOfMemory)?;
        }
        let (old, job) = self.begin_sbrk(delta, frames, machine)?;
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
