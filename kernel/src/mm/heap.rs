//! The heap of a space: zeros that grow and shrink at their end.

use abi::Error;
use pagetable::VirtAddr;

use super::layout::is_user_range;
use super::region::{Kind, Object, Prot, Region};
use super::usercopy::clear;
use super::{Frames, Machine, PAGE_BYTES, Space};

/// How far a heap may grow if nobody says otherwise, in bytes.
pub const HEAP_LIMIT: u64 = 64 << 20;

/// Where the heap begins and how far it reaches, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Heap {
    base: u64,
    end: u64,
    limit: u64,
}

impl Heap {
    /// None: it cannot grow.
    pub const NONE: Heap = Heap {
        base: 0,
        end: 0,
        limit: 0,
    };
}

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

    /// Moves the end of the heap by `delta` bytes; the old end. What it shrinks by is given
    /// back, and reads as zero if it grows again.
    ///
    /// `BadArgument` for an end before the beginning, `LimitExceeded` beyond the limit,
    /// `NoAddressSpace` where something else lies in the way.
    pub fn sbrk<M: Machine>(
        &mut self,
        delta: i64,
        frames: &mut Frames,
        machine: &mut M,
    ) -> Result<VirtAddr, Error> {
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
        if kept > held {
            self.extend_heap::<M>(held, kept)?;
        }
        if kept < held {
            let covered = self.covered(VirtAddr::new(kept), held - kept)?;
            let free = self.carve(&covered);
            self.drop_pages(&covered, free, frames, machine);
        }
        if new < end && new < kept {
            clear(self, machine, VirtAddr::new(new), (kept - new) as usize);
        }
        self.heap.end = new;
        Ok(VirtAddr::new(end))
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
            Kind::Heap,
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
