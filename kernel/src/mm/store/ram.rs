//! `store=ram:4M`: a part of RAM that was set aside at boot, a slot a page.
//!
//! It gives no memory that there was not; it shows what paging out costs at least, and gives a pool of few frames a place to
//! page to on a board that has no other.

use pagetable::PhysAddr;

use super::{Corrupt, PageStore, StoreFull};
use crate::mm::{Machine, PAGE_BYTES};

/// Pages behind each other in RAM.
#[derive(Debug)]
pub struct RamStore {
    /// Where slot 0 lies; at a page.
    pub at: PhysAddr,
}

impl RamStore {
    fn place(&self, slot: u32) -> PhysAddr {
        self.at.wrapping_add(u64::from(slot) * PAGE_BYTES)
    }
}

impl PageStore for RamStore {
    fn put<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), StoreFull> {
        machine.copy_frame(frame, self.place(slot));
        Ok(())
    }

    fn get<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), Corrupt> {
        machine.copy_frame(self.place(slot), frame);
        Ok(())
    }

    fn peek<M: Machine>(
        &self,
        machine: &M,
        slot: u32,
        from: usize,
        into: &mut [u8],
    ) -> Result<(), Corrupt> {
        machine.read_bytes(self.place(slot).wrapping_add(from as u64), into);
        Ok(())
    }

    fn forget(&mut self, _slot: u32) {}
}
