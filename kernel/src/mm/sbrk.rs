//! The heap of a space: zeros that grow and shrink at their end.

use abi::Error;
use pagetable::VirtAddr;

use super::heap::{HEAP_LIMIT, Heap};
use super::layout::is_user_range;
use super::region::{Object, Prot, Region, RegionKind};
use super::usercopy::clear;
use super::{Frames, Job, Machine, PAGE_BYTES, Space, cow};

impl Space {
    /// Says where the heap will begin once it grows: at the start of the layout's window, or
    /// at `behind` (a page) if that is higher.
    pub fn set_heap<M: Machine>(&mut self, behind: VirtAddr) {
        let base = behind.raw().max(self.layout::<M>().heap.start);
        self.heap = Heap {
            base,
            end: base,
            limit: HEAP_LIMIT,
        };
    }

    /// One past the heap's last byte.
    pub fn heap_end(&self) -> VirtAddr {
        VirtAddr::new(self.heap.end)
    }

    /// How many bytes the heap may have.
    pub fn heap_limit(&self) -> u64 {
        self.heap.limit
    }

    /// Changes that; `LimitExceeded` for less than it has already, or more than its window.
    pub fn set_heap_limit<M: Machine>(&mut self, bytes: u64) -> Result<(), Error> {
        let Heap { base, end, .. } = self.heap;
        let window = self.layout::<M>().heap.end.saturating_sub(base);
        if bytes < end - base || bytes > window {
            return Err(Error::LimitExceeded);
        }
        self.heap.limit = bytes;
        Ok(())
    }

    /// The page that holds the heap's new end if it moves by `delta` bytes back to the middle of one: what is behind
    /// that end will be zeroed in it.
    pub fn heap_page_after(&self, delta: i64) -> Option<VirtAddr> {
        let new = self.heap.end.checked_add_signed(delta)?;
        let is_inside = delta < 0 && new >= self.heap.base && !new.is_multiple_of(PAGE_BYTES);
        is_inside.then_some(VirtAddr::new(new))
    }

    /// Moves the end of the heap by `delta` bytes; the old end, and what is left to do. What it
    /// shrinks by is freed, and reads as zero if it grows again.
    ///
    /// `BadArgument` for an end before the beginning, `LimitExceeded` beyond the limit,
    /// `NoAddressSpace` where something else lies in the way, `OutOfMemory` where it would end in a page that is
    /// common to other spaces and no frame is free for a copy.
    pub fn begin_sbrk<M: Machine>(
        &mut self,
        delta: i64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(VirtAddr, Option<Job>), Error> {
        let Heap { base, end, limit } = self.heap;
        let new = end
            .checked_add_signed(delta)
            .filter(|&new| new >= base)
            .ok_or(Error::BadArgument)?;
        if delta > 0 && new - base > limit {
            return Err(Error::LimitExceeded);
        }
        let page_end = |at: u64| at.next_multiple_of(PAGE_BYTES);
        let (held, kept) = (page_end(end), page_end(new));
        let [old, new, held, kept] = [end, new, held, kept].map(VirtAddr::new);
        if kept < held {
            let covered = self.covered(kept, held.raw() - kept.raw())?;
            // What goes is a region of its own until it has gone.
            if !self.has_room(self.borders(&covered)) {
                return Err(Error::LimitExceeded);
            }
            self.own_end(new, frames, machine)?;
            return Ok((old, Some(Job::shrink(new, kept, held))));
        }
        if kept > held {
            self.extend_heap::<M>(held.raw(), kept.raw())?;
        }
        if new < old {
            self.own_end(new, frames, machine)?;
            clear(self, machine, new, (kept.raw() - new.raw()) as usize);
        }
        self.heap.set_end(new);
        Ok((old, None))
    }

    /// The page that the heap will end in is cleared from there on: for this space alone.
    fn own_end<M: Machine>(
        &self,
        new: VirtAddr,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<(), Error> {
        if new.raw().is_multiple_of(PAGE_BYTES) {
            return Ok(());
        }
        cow::make_own(self, frames, machine, new).ok_or(Error::OutOfMemory)
    }

    /// More of the heap: by the region that it ends with, or one more behind it.
    fn extend_heap<M: Machine>(&mut self, held: u64, kept: u64) -> Result<(), Error> {
        self.check_gap(held, kept)?;
        if !is_user_range(M::MODE, held, kept) {
            return Err(Error::NoAddressSpace);
        }
        let pages = u32::try_from((kept - held) / PAGE_BYTES).map_err(|_| Error::NoAddressSpace)?;
        let more = Region::new(
            VirtAddr::new(held),
            pages,
            Prot::DATA,
            RegionKind::Heap,
            Object::Zero,
        )?;
        let before = held
            .checked_sub(1)
            .and_then(|last| self.place_of(VirtAddr::new(last)));
        match before {
            Some(place) if self.regions()[place].goes_on_as(&more) => {
                self.regions_mut()[place].pages += pages;
                Ok(())
            }
            _ => self.add::<M>(more),
        }
    }

    /// Is there nothing from `from` to `end` and one page beyond?
    fn check_gap(&self, from: u64, end: u64) -> Result<(), Error> {
        let guarded = end + PAGE_BYTES;
        let taken = self
            .regions()
            .iter()
            .any(|region| region.base.raw() < guarded && from < region.end().raw());
        if taken {
            Err(Error::NoAddressSpace)
        } else {
            Ok(())
        }
    }
}
