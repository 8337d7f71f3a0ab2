//! Runs of frames: at an address; set aside, or handed back after boot.
//!
//! Taking a run costs in proportion to its own frames, whatever else is free. It is no part of any fault.

use abi::Error;
use pagetable::PhysAddr;

use super::descriptor::{BOOT, FREE, FrameDescriptor, NONE, Owner, ZEROED};
use super::{Frames, address};
use crate::mm::PAGE_BYTES;
use crate::mm::bootram::Span;

impl Frames {
    /// Gives out the `count` frames from `at` on: `BadAddress` where there is no RAM, `InUse`
    /// if any is not free.
    pub fn alloc_at(
        &mut self,
        at: PhysAddr,
        count: u32,
        owner: impl Fn(u32) -> Owner,
    ) -> Result<(), Error> {
        let (arena, first) = self.free_run(at, count)?;
        if !self.may_alloc(count) {
            return Err(Error::OutOfMemory);
        }
        self.take_run(arena, first, count, owner)
    }

    /// Sets free frames aside for good: they are not allocated any more. The pool shrinks.
    pub fn reserve(&mut self, at: PhysAddr, count: u32) -> Result<(), Error> {
        let (arena, first) = self.free_run(at, count)?;
        // A pool that is limited, or full but for these, has no frame to spare.
        let left = self.counts.pool.checked_sub(count);
        let left = left.filter(|&left| left >= self.counts.used());
        let left = left.ok_or(Error::OutOfMemory)?;
        self.unlist(arena, first, u64::from(count));
        for number in first..first + u64::from(count) {
            self.table[(number - self.first) as usize] = FrameDescriptor::new(BOOT, NONE);
        }
        self.counts.pool = left;
        self.available -= count;
        self.counts.boot += count;
        Ok(())
    }

    /// Hands over what boot held and needs no more, whole frames of it; how many there were.
    pub fn release(&mut self, base: PhysAddr, bytes: u64) -> u32 {
        let first = base.raw().div_ceil(PAGE_BYTES);
        let end = base.raw().saturating_add(bytes) / PAGE_BYTES;
        let mut released = 0;
        for number in first..end {
            let held = self.owner(address(number as u32)) == Owner::Boot;
            let arena = self.arena_of(number);
            let Some(arena) = arena.filter(|_| held && self.ram.is_ram(number)) else {
                continue;
            };
            if number as u32 == NONE {
                continue;
            }
            let written = number < self.arenas[arena].fresh;
            if written {
                self.push_free((number - self.first) as usize);
                self.has_released = true;
            } else if self
                .ram
                .release(Span {
                    first: number,
                    end: number + 1,
                })
                .is_err()
            {
                // Too many pieces: what is left stays boot's.
                break;
            }
            released += 1;
        }
        self.counts.boot -= released;
        if !self.limited {
            self.counts.pool += released;
            self.available += released;
        }
        released
    }

    fn arena_of(&self, number: u64) -> Option<usize> {
        self.arenas()
            .iter()
            .position(|arena| arena.contains(number))
    }

    /// Frames `count` from `at` on are all free, and their rows written.
    fn free_run(&mut self, at: PhysAddr, count: u32) -> Result<(usize, u64), Error> {
        if !at.raw().is_multiple_of(PAGE_BYTES) {
            return Err(Error::BadAlignment);
        }
        let first = at.raw() / PAGE_BYTES;
        let arena = self.arena_of(first).ok_or(Error::BadAddress)?;
        let end = first + u64::from(count);
        if count == 0 || end > self.arenas[arena].end {
            return Err(Error::BadAddress);
        }
        self.give_up_zeroed();
        let free = |&number: &u64| self.is_free(number);
        if !(first..end).all(|number| free(&number)) {
            return Err(Error::InUse);
        }
        Ok((arena, first))
    }

    fn is_free(&self, number: u64) -> bool {
        self.owner(address(number as u32)) == Owner::Free && number as u32 != NONE
    }

    pub(super) fn take_run(
        &mut self,
        arena: usize,
        first: u64,
        count: u32,
        owner: impl Fn(u32) -> Owner,
    ) -> Result<(), Error> {
        // An owner that stands for "free" cannot be given a frame.
        let row = FrameDescriptor::of(owner(0)).ok_or(Error::BadArgument)?;
        self.unlist(arena, first, count.into());
        for place in 0..count {
            self.enter(
                first as u32 + place,
                FrameDescriptor::of(owner(place)).unwrap_or(row),
            );
        }
        Ok(())
    }

    /// Takes a run of free frames off their arena's list, writing their rows if need be.
    fn unlist(&mut self, arena: usize, first: u64, count: u64) {
        let end = first + count;
        if end > self.arenas[arena].fresh {
            self.raise_watermark(arena, end);
        }
        for number in first..end {
            let at = (number - self.first) as usize;
            let (before, behind) = (self.table[at].before(), self.table[at].link);
            if u64::from(self.fast.free.heads[arena]) == number {
                self.fast.free.heads[arena] = behind;
            } else {
                let row = self.index(before);
                self.table[row].link = behind;
                self.set_before(behind, before);
            }
        }
    }

    /// Zeroed frames are ordinary free frames again.
    pub(super) fn give_up_zeroed(&mut self) {
        while let Some(count) = self.fast.magazine.count.checked_sub(1) {
            self.fast.magazine.count = count;
            let at = self.index(self.fast.magazine.zeroed[count]);
            debug_assert!(self.table[at].state() == ZEROED || self.table[at].state() == FREE);
            self.push_free(at);
        }
    }
}
