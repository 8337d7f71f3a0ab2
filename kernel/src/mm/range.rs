//! A range of addresses that a program names, and the regions under it: found once, and then known by their places.
//!
//! `unmap`, `protect` and `advise` check all before they change anything. Only two steps can
//! fail: room in the table of regions, and the splitting of large leaves, which takes a frame.
//! `cut` does both first and undoes what it did.
//!
//! ```text
//!      first                    after
//!   ┌────┴────┬────────┬─────────┐┌───────┐
//!   │    │▒▒▒▒│▒▒▒▒▒▒▒▒│▒▒▒▒│    ││       │      `isolate` makes regions begin and end
//!   └────┴────┴────────┴────┴────┘└───────┘      where the range does
//!        va                 end
//! ```

use core::ops::Range;

use abi::Error;
use pagetable::VirtAddr;

use super::region::{Object, Region};
use super::{Frames, Machine, PAGE_BYTES, Space, table};

/// Whole pages, each of them in a region.
#[derive(Clone, Copy, Debug)]
pub(super) struct Covered {
    pub va: VirtAddr,
    pub end: VirtAddr,
    /// The places of its regions in the space's table.
    first: usize,
    after: usize,
}

impl Space {
    /// Checks that a range is whole pages, all of them in regions.
    pub(super) fn covered(&self, va: VirtAddr, bytes: u64) -> Result<Covered, Error> {
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
        let first = self.place_of(va).ok_or(Error::NotFound)?;
        let (mut reached, mut after) = (va, first);
        for region in &self.regions()[first..] {
            if region.base > reached || reached >= end {
                break;
            }
            reached = region.end();
            after += 1;
        }
        if reached < end {
            return Err(Error::BadAddress);
        }
        Ok(Covered {
            va,
            end,
            first,
            after,
        })
    }

    /// The regions that have a page of the range.
    pub(super) fn within(&self, covered: &Covered) -> &[Region] {
        &self.regions()[covered.first..covered.after]
    }

    /// How many regions reach over a border of the range.
    pub(super) fn borders(&self, covered: &Covered) -> usize {
        let regions = self.within(covered);
        let before = regions
            .first()
            .is_some_and(|region| region.base < covered.va);
        let behind = regions
            .last()
            .is_some_and(|region| region.end() > covered.end);
        usize::from(before) + usize::from(behind)
    }

    /// Room in the table, and no leaf that reaches over a border of the range.
    pub(super) fn cut<M: Machine>(
        &mut self,
        covered: &Covered,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if !self.has_room(self.borders(covered)) {
            return Err(Error::LimitExceeded);
        }
        // Only these are entered in leaves of more than a page.
        let large = |region: &Region| matches!(region.object, Object::Wired | Object::Phys { .. });
        if !self.within(covered).iter().any(large) {
            return Ok(());
        }
        let root = self.root();
        let mut tables = self.tables(frames);
        table::split_at(machine, &mut tables, root, covered.va).map_err(|_| Error::OutOfMemory)?;
        if table::split_at(machine, &mut tables, root, covered.end).is_err() {
            table::merge_around(machine, &mut tables, root, covered.va);
            return Err(Error::OutOfMemory);
        }
        Ok(())
    }

    /// Makes the range's regions begin and end with it; their places. There is room for that.
    fn isolate_places(&mut self, covered: &Covered) -> Range<usize> {
        let (mut first, mut after) = (covered.first, covered.after);
        if self.regions()[first].base < covered.va {
            self.part_at(first, covered.va);
            (first, after) = (first + 1, after + 1);
        }
        if self.regions()[after - 1].end() > covered.end {
            self.part_at(after - 1, covered.end);
        }
        first..after
    }

    /// Makes the region at `place` two, the second from `at` on.
    fn part_at(&mut self, place: usize, at: VirtAddr) {
        let region = self.regions()[place];
        let (base, stop) = (region.base.raw(), region.end().raw());
        self.regions_mut()[place] = region.part(base, at.raw());
        // The caller has made sure of the room.
        let _ = self.insert(place + 1, region.part(at.raw(), stop));
    }

    /// Makes the range's regions begin and end with it. There is room for that.
    pub(super) fn isolate(&mut self, covered: &Covered) -> &mut [Region] {
        let places = self.isolate_places(covered);
        &mut self.regions_mut()[places]
    }

    /// Takes a range out of its regions, for which there is room; the addresses around it that no region has now.
    pub(super) fn carve(&mut self, covered: &Covered) -> Range<u64> {
        let places = self.isolate_places(covered);
        let first = places.start;
        self.remove_all(places);
        self.between(first, first)
    }

    /// The region at that place is taken out; the addresses that have no region around where it was.
    pub(super) fn carve_region(&mut self, place: usize) -> Range<u64> {
        let free = self.between(place, place + 1);
        self.remove(place);
        free
    }

    /// From the end of the region before place `first` to the one at `after`.
    fn between(&self, first: usize, after: usize) -> Range<u64> {
        let before = first.checked_sub(1).map(|place| &self.regions()[place]);
        let behind = self.regions().get(after);
        let start = before.map_or(0, |region| region.end().raw());
        start..behind.map_or(u64::MAX, |region| region.base.raw())
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
