//! Where pages are while they are not in memory: one file a store.
//!
//! A *backing store* keeps pages that were taken from programs, each in a slot; [`Backing`] is the one that boot was asked for
//! with `store=`, or none. What a page needs no slot for, because it is as it was at first, is dropped instead. [`SlowStore`] is
//! about the files of the initrd, which can be slow.
//!
//! ```text
//!   evicted:     frame ─► put ─► slot        entry: not valid, names the slot
//!   touched:     slot ─► get ─► frame        the slot stays the frame's while it has room: a clean page is not put again
//!   written, or little room: the slot is free again, or is put again
//! ```

mod backing;
mod chunks;
mod delay;
mod failure;
mod ram;
mod slots;
mod zip;

pub use backing::Backing;
#[cfg(test)]
pub(crate) use backing::Failing;
pub use delay::SlowStore;
pub use failure::{Corrupt, PageInFailed, StoreFull};
pub use ram::RamStore;
pub use slots::Slots;
pub use zip::{ZipRoom, ZipScratch, ZipStore};

use pagetable::PhysAddr;

use super::Machine;

/// What keeps pages. A slot is below the number that [`Slots`] was made with, and was put before it is got.
pub trait PageStore {
    /// Keeps the frame's 4096 bytes as those of the slot, in place of what it had.
    fn put<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), StoreFull>;
    /// Fills the frame with what the slot has; on an error the frame holds anything.
    fn get<M: Machine>(
        &mut self,
        machine: &mut M,
        slot: u32,
        frame: PhysAddr,
    ) -> Result<(), Corrupt>;
    /// Reads bytes of a slot from byte `from` on, which lie within the page.
    fn peek<M: Machine>(
        &self,
        machine: &M,
        slot: u32,
        from: usize,
        into: &mut [u8],
    ) -> Result<(), Corrupt>;
    /// No page needs what the slot has any more.
    fn forget(&mut self, slot: u32);
}
