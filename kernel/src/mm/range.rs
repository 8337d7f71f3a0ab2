//! A range of addresses that a program names, and the regions under it.
//!
//! `unmap`, `protect` and `advise` check all before they change anything. Only two steps can
//! fail: room in the table of regions, and the splitting of large leaves, which takes a frame.
//! `cut` does both first and undoes what it did.

use abi::Error;
use pagetable::VirtAddr;

use super::region::Region;
use super::{Frames, Machine, PAGE_BYTES, Space, table};

impl Space {
    /// Checks that a range is whole pages, all of them in regions; its end.
    pub(super) fn covered(&self, va: VirtAddr, bytes: u64) -> Result<VirtAddr, Error> {
        if !va.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        if bytes == 0 {
            return Err(Error::BadArgument);
        }
        let end = va
            .raw()
            .checked_add(bytes)
            .and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
        let end = VirtAddr::new(end.ok_or(Error::BadAddress)?);
        let place = self.place_of(va).ok_or(Error::NotFound)?;
        let mut reached = va;
        for region in &self.regions()[place..] {
            if region.base > reached || reached >= end {
                break;
            }
            reached = region.end();
        }
        if reached < end {
            return Err(Error::BadAddress);
        }
        Ok(end)
    }

    /// The regions that have a page of the range.
    pub(super) fn overlap(&self, va: VirtAddr, end: VirtAddr) -> &[Region] {
        let first = self.regions().partition_point(|region| region.end() <= va);
        let after = self.regions().partition_point(|region| region.base < end);
        &self.regions()[first..after.max(first)]
    }

    /// How many regions reach over a border of the range.
    pub(super) fn borders(&self, va: VirtAddr, end: VirtAddr) -> usize {
        let reaches_over = |at: VirtAddr| {
            self.place_of(at)
                .is_some_and(|place| self.regions()[place].base < at)
        };
        usize::from(reaches_over(va)) + usize::from(reaches_over(end))
    }

    /// Room in the table, and no leaf that reaches over a border of the range.
    pub(super) fn cut<M: Machine>(
        &mut self,
        va: VirtAddr,
        end: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if !self.has_room(self.borders(va, end)) {
            return Err(Error::LimitExceeded);
        }
        let root = self.root();
        let mut tables = self.tables(frames);
        table::split_at(machine, &mut tables, root, va).map_err(|_| Error::OutOfMemory)?;
        if table::split_at(machine, &mut tables, root, end).is_err() {
            table::merge_around(machine, &mut tables, root, va);
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// Makes the range's regions begin and end with it. There is room for that.
    pub(super) fn isolate(&mut self, va: VirtAddr, end: VirtAddr) -> &mut [Region] {
        for at in [va, end] {
            let Some(place) = self.place_of(at) else {
                continue;
            };
            let region = self.regions()[place];
            if region.base == at {
                continue;
            }
            let (base, stop) = (region.base.raw(), region.end().raw());
            self.regions_mut()[place] = region.part(base, at.raw());
            // The caller has made sure of the room.
            let _ = self.insert(place + 1, region.part(at.raw(), stop));
        }
        let first = self.regions().partition_point(|region| region.base < va);
        let after = self.regions().partition_point(|region| region.base < end);
        &mut self.regions_mut()[first..after]
    }

    /// Takes a range out of its regions. There is room for that.
    pub(super) fn carve(&mut self, va: VirtAddr, end: VirtAddr) {
        let count = self.isolate(va, end).len();
        let first = self.regions().partition_point(|region| region.base < va);
        for _ in 0..count {
            self.remove(first);
        }
    }

    /// Regions that go on as the one before become one with it.
    pub(super) fn coalesce(&mut self, va: VirtAddr, end: VirtAddr) {
        let first = self.regions().partition_point(|region| region.end() < va);
        let mut place = first;
        while place + 1 < self.regions().len() && self.regions()[place].base <= end {
            let [this, next] = [self.regions()[place], self.regions()[place + 1]];
            if this.goes_on_as(&next) {
                self.regions_mut()[place].pages += next.pages;
                self.remove(place + 1);
            } else {
                place += 1;
            }
        }
    }
}
