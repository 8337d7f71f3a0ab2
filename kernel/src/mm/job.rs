//! A call that names many pages, done a piece at a time.
//!
//! ```text
//!   begin_…: every check, and all that can fail      go_on, go_on, …, go_on: true
//!   ┌──────────────────────────────────────────┐    ┌───────────┬───────────┬─────┐
//!   │ nothing has changed if it refuses        │    │ start  at │   at'     │ end │
//!   └──────────────────────────────────────────┘    └───────────┴───────────┴─────┘
//! ```
//!
//! The regions say what a range has become only when its last page has, so a job may be dropped
//! anywhere and begun again: what was done is done, what was not still can be. A range that goes
//! permits nothing from the first piece on, so that no page of it is brought in behind the job.

use abi::{Access, Outcome};
use pagetable::VirtAddr;

use super::region::{Object, Prot};
use super::usercopy::clear;
use super::{
    Budget, Frames, Machine, PAGE_BYTES, PageRequest, Space, Unresolved, cow, resolve, table,
};

/// What is done to a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    /// Unmap: the regions and their pages are removed.
    Unmap,
    /// The same; then the heap ends there.
    Shrink(VirtAddr),
    /// DontNeed: the pages are freed, the regions stay.
    Forget,
    /// DontNeed at some time: the pages stay until frames are short.
    Disown,
    /// Pages come, as many as there are frames for.
    BringIn,
    /// All pages come; to be written to as well, if that is permitted.
    Require { to_write: bool },
    /// Frames in a row are filled with zeros, and then permit this.
    Zero(Prot),
    /// Protect: each leaf gets these rights.
    Protect(Prot),
    /// Leaves that can are joined to large ones.
    Merge,
}

/// How far a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobProgress {
    /// That was its last piece.
    Done,
    /// The budget is spent: it goes on with the next entry.
    More,
    /// It goes on when this page has come.
    Wait(PageRequest),
    /// It goes on when frames are free.
    NoFrame,
}

impl JobProgress {
    fn done(is_done: bool) -> JobProgress {
        if is_done {
            JobProgress::Done
        } else {
            JobProgress::More
        }
    }
}

/// A range, and how far it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    deed: Deed,
    start: VirtAddr,
    at: VirtAddr,
    end: VirtAddr,
}

impl Job {
    const fn new(deed: Deed, start: VirtAddr, end: VirtAddr) -> Job {
        Job {
            deed,
            start,
            at: start,
            end,
        }
    }

    /// The job of [`Space::begin_unmap`], from `start` up to `end`.
    pub(super) const fn unmap(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Unmap, start, end)
    }

    /// Whole pages of the heap from `start` on go, and it ends at `heap_end`.
    pub(super) const fn shrink(heap_end: VirtAddr, start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Shrink(heap_end), start, end)
    }

    pub(super) const fn forget(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Forget, start, end)
    }

    pub(super) const fn disown(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Disown, start, end)
    }

    pub(super) const fn page_in(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Require { to_write: false }, start, end)
    }

    /// Pages that stay can as well be entered as written: then not even a hart that does not set D faults.
    pub(super) const fn pin(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Require { to_write: true }, start, end)
    }

    /// Pages of a range come, as far as its regions permit and frames go.
    pub const fn bring_in(start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::BringIn, start, end)
    }

    pub(super) const fn zero(prot: Prot, start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Zero(prot), start, end)
    }

    pub(super) const fn protect(prot: Prot, start: VirtAddr, end: VirtAddr) -> Job {
        Job::new(Deed::Protect(prot), start, end)
    }
}

impl Space {
    /// The next piece of a job. Cannot fail.
    pub fn go_on<M: Machine>(
        &mut self,
        job: &mut Job,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> JobProgress {
        match job.deed {
            Deed::BringIn | Deed::Require { .. } => {
                return self.bring_in(job, budget, frames, machine);
            }
            // The rest of the last page is zeroed when the others have gone.
            Deed::Shrink(heap_end) if heap_end < job.start && self.is_stored(machine, heap_end) => {
                let (va, access) = (heap_end, Access::Read);
                return JobProgress::Wait(PageRequest { va, access });
            }
            _ => {}
        }
        JobProgress::done(self.go_on_in_memory(job, budget, frames, machine))
    }

    /// The same for what needs no page that is not there; whether that was the last piece.
    fn go_on_in_memory<M: Machine>(
        &mut self,
        job: &mut Job,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> bool {
        let Job { deed, at, end, .. } = *job;
        match deed {
            Deed::Unmap | Deed::Shrink(_) => self.take_away(job, budget, frames, machine),
            Deed::Forget => {
                job.at = self.afford(at, end, budget, machine);
                // The regions stay: tables at the borders may have pages of theirs.
                self.drop_pages(at..job.at, 0..0, frames, machine);
                job.at == end
            }
            Deed::Disown => {
                job.at = self.disown((at, end), budget, frames, machine);
                job.at == end
            }
            Deed::BringIn | Deed::Require { .. } => true,
            Deed::Zero(prot) => {
                self.zero_pages(job, budget, machine);
                if job.at == end {
                    // Now they may be seen.
                    self.permit(job.start, end, prot);
                    *job = Job::protect(prot, job.start, end);
                    return self.go_on_in_memory(job, budget, frames, machine);
                }
                false
            }
            Deed::Protect(prot) => {
                job.at = self.afford(at, end, budget, machine);
                self.rewrite(at, job.at, prot, frames, machine);
                if job.at == end {
                    self.coalesce(job.start, end);
                    let large = M::MODE.leaf_bytes(1);
                    *job = Job::new(Deed::Merge, job.start.align_down(large), end);
                    return self.go_on_in_memory(job, budget, frames, machine);
                }
                false
            }
            Deed::Merge => self.merge(job, budget, frames, machine),
        }
    }

    /// How far from `from` the budget reaches, `end` at most: it is spent for the pages that are
    /// there, and for the walks to those that are not.
    pub(super) fn afford<M: Machine>(
        &self,
        from: VirtAddr,
        end: VirtAddr,
        budget: &mut Budget,
        machine: &M,
    ) -> VirtAddr {
        let pages = (end.raw() - from.raw()) / PAGE_BYTES;
        if budget.covers(pages) {
            budget.pages(pages as u32);
            return end;
        }
        let mut va = from.raw();
        while va < end.raw() && !budget.is_spent() {
            let stop = table::walk(machine, self.root(), VirtAddr::new(va));
            let reach = M::MODE.leaf_bytes(stop.level);
            match table::page_of::<M>(stop.entry, stop.level) {
                Some(_) if self.is_device(VirtAddr::new(va)) => budget.pages(1),
                Some(_) => budget.pages((reach / PAGE_BYTES) as u32),
                None => budget.look(),
            }
            va = (va / reach + 1) * reach;
        }
        VirtAddr::new(va.min(end.raw()))
    }

    /// The regions of a range permit that from now on: what began the job has made room for it.
    fn permit(&mut self, start: VirtAddr, end: VirtAddr, prot: Prot) {
        if let Ok(covered) = self.covered(start, end.raw() - start.raw()) {
            for region in self.isolate(&covered) {
                region.prot = prot;
            }
        }
    }

    /// A leaf of a device costs the same whatever its size: it has no frames.
    fn is_device(&self, va: VirtAddr) -> bool {
        self.place_of(va)
            .is_some_and(|place| matches!(self.regions()[place].object, Object::Phys { .. }))
    }

    fn take_away<M: Machine>(
        &mut self,
        job: &mut Job,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> bool {
        let Job {
            deed,
            start,
            at,
            end,
        } = *job;
        job.at = self.afford(at, end, budget, machine);
        if job.at < end {
            // Nothing may come back in a part that is done: a debugger could ask for it.
            self.permit(start, end, Prot::NONE);
            self.drop_pages(at..job.at, 0..0, frames, machine);
            return false;
        }
        let free = self.covered(start, end.raw() - start.raw());
        let free = free.map_or(0..0, |covered| self.carve(&covered));
        self.drop_pages(at..end, free, frames, machine);
        if let Deed::Shrink(heap_end) = deed {
            // Common again only if a thread has forked meanwhile; without a frame for a copy those bytes stay.
            if heap_end < start && cow::make_own(self, frames, machine, heap_end).is_some() {
                let bytes = (start.raw() - heap_end.raw()) as usize;
                clear(self, machine, heap_end, bytes);
            }
            self.heap.set_end(heap_end);
        }
        true
    }

    /// WillNeed is a hint: it ends at the first page that cannot come. What is required waits for frames.
    fn bring_in<M: Machine>(
        &mut self,
        job: &mut Job,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> JobProgress {
        while job.at < job.end && !budget.is_spent() {
            let prot = self
                .region_at(job.at)
                .map_or(Prot::NONE, |region| region.prot);
            let is_required = job.deed != Deed::BringIn;
            let access = match prot {
                prot if prot.write() && job.deed != (Deed::Require { to_write: false }) => {
                    Access::Write
                }
                prot if prot.read() => Access::Read,
                _ => Access::Execute,
            };
            match resolve(self, frames, machine, job.at, access) {
                Ok(_) => {}
                Err(Unresolved::Wait(request)) => return JobProgress::Wait(request),
                Err(Unresolved::Refused(why))
                    if is_required && why.outcome == Outcome::OutOfMemory =>
                {
                    return JobProgress::NoFrame;
                }
                // Another thread has changed the range meanwhile.
                Err(Unresolved::Refused(_)) => return JobProgress::Done,
            }
            budget.pages(1);
            job.at = job.at.wrapping_add(PAGE_BYTES);
        }
        JobProgress::done(job.at >= job.end)
    }

    /// Fills the frames of pages that are there, and that no program may see yet.
    fn zero_pages<M: Machine>(&self, job: &mut Job, budget: &mut Budget, machine: &mut M) {
        while job.at < job.end && !budget.is_spent() {
            let stop = table::walk(machine, self.root(), job.at);
            if let Some(page) = table::page_of::<M>(stop.entry, stop.level) {
                let within = job.at.offset(M::MODE.leaf_bytes(stop.level));
                machine.zero_frame(page.wrapping_add(within));
            }
            budget.pages(1);
            job.at = job.at.wrapping_add(PAGE_BYTES);
        }
    }

    /// Joins the leaves of regions that lie in a row in physical memory.
    fn merge<M: Machine>(
        &mut self,
        job: &mut Job,
        budget: &mut Budget,
        frames: &mut Frames,
        machine: &mut M,
    ) -> bool {
        let (root, large) = (self.root(), M::MODE.leaf_bytes(1));
        while job.at < job.end && !budget.is_spent() {
            let region = self.region_at(job.at);
            let in_a_row = |object| matches!(object, Object::Wired | Object::Phys { .. });
            match region {
                Some(region) if in_a_row(region.object) => {
                    let next = job.at.raw() + large;
                    if next <= region.end().raw() {
                        table::merge_around(machine, &mut self.tables(frames), root, job.at);
                        // It reads a table.
                        budget.pages(4);
                    }
                    job.at = VirtAddr::new(next);
                }
                // Nothing of it can be joined.
                Some(region) => {
                    let next = region.end().align_down(large);
                    job.at = next.max(job.at.wrapping_add(large));
                }
                None => job.at = job.at.wrapping_add(large),
            }
            budget.look();
        }
        job.at >= job.end
    }
}
