//! Unmapping: regions and pages of a range are taken away.

use core::ops::Range;

use abi::Error;
use pagetable::VirtAddr;

use super::range::Covered;
use super::region::Region;
use super::zap::{Fence, RestOfTable, zap};
use super::{Budget, Frames, Job, Machine, PAGE_BYTES, Space};

impl Space {
    /// Takes whole pages away that `map` gave, from one region or several that follow each
    /// other; what remains of them stays where it is.
    ///
    /// `BadAlignment`, `BadArgument` for no byte at all, `NotFound` where nothing is,
    /// `BadAddress` where part of the range is nothing, `AccessDenied` for what the program's
    /// file, heap and stack have, `LimitExceeded` when a region would have to be two and the
    /// table is full, `OutOfMemory` when a large leaf would have to be split. What is left to do,
    /// if one entry is not enough.
    pub fn begin_unmap<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<Option<Job>, Error> {
        // Mostly what `map` gave is taken away as it was given.
        if let Some(place) = self.whole_region(va, bytes) {
            if !self.regions()[place].is_mmapped() {
                return Err(Error::AccessDenied);
            }
            self.drop_region(place, va, frames, machine);
            return Ok(None);
        }
        let covered = self.covered(va, bytes)?;
        if !self.within(&covered).iter().all(Region::is_mmapped) {
            return Err(Error::AccessDenied);
        }
        self.begin_removal(&covered, frames, machine)
    }

    /// The same for the stack of a thread that has ended.
    pub fn begin_unmap_stack<M: Machine>(
        &mut self,
        va: VirtAddr,
        bytes: u64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<Option<Job>, Error> {
        // Nearly always it is the region that it was, which goes whole.
        if let Some(place) = self.whole_region(va, bytes) {
            self.drop_region(place, va, frames, machine);
            return Ok(None);
        }
        let covered = self.covered(va, bytes)?;
        self.begin_removal(&covered, frames, machine)
    }

    /// The place of the region that is exactly that range, if its pages can go in one entry.
    #[inline]
    fn whole_region(&self, va: VirtAddr, bytes: u64) -> Option<usize> {
        let place = self.place_of(va)?;
        let Region { base, pages, .. } = self.regions()[place];
        let is_whole = base == va && u64::from(pages) * PAGE_BYTES == bytes;
        (is_whole && Budget::of_an_entry().covers(pages.into())).then_some(place)
    }

    /// Takes a region away with all its pages. No leaf reaches over its borders.
    fn drop_region<M: Machine>(
        &mut self,
        place: usize,
        va: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        let end = self.regions()[place].end();
        let free = self.carve_region(place);
        self.drop_pages(va..end, free, frames, machine);
    }

    fn begin_removal<M: Machine>(
        &mut self,
        covered: &Covered,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<Option<Job>, Error> {
        let va = covered.va;
        self.cut(covered, frames, machine)?;
        let pages = (covered.end.raw() - va.raw()) / PAGE_BYTES;
        if !Budget::of_an_entry().covers(pages) {
            return Ok(Some(Job::unmap(va, covered.end)));
        }
        let free = self.carve(covered);
        self.drop_pages(va..covered.end, free, frames, machine);
        Ok(None)
    }

    /// Removes the leaves of a range, fences, and only then frees frames and tables. No
    /// leaf reaches over a border, and no region has anything in `free`.
    pub(super) fn drop_pages<M: Machine>(
        &mut self,
        range: Range<VirtAddr>,
        free: Range<u64>,
        frames: &mut Frames,
        machine: &mut M,
    ) {
        frames.fast.close();
        let owner = (self.space_id(), self.root());
        let rest = |span: Range<u64>| match free.start <= span.start && span.end <= free.end {
            true => RestOfTable::Nothing,
            false => RestOfTable::Unknown,
        };
        let zapped = zap(machine, frames, owner, range, Fence::EachPage, rest);
        self.resident -= zapped.pages;
        self.swapped -= zapped.stored;
        if zapped.tables > 0 {
            // The walker may hold a pointer to a table. Its frame cannot be in use again yet:
            // the allocator is borrowed here.
            machine.fence_all();
        }
    }
}
