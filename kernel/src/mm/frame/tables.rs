//! Frames for page tables, of one space.

use pagetable::PhysAddr;

use super::{Frames, Owner};
use crate::mm::{Machine, TableFrames};

/// The frame allocator as a source of page tables for one space.
pub struct TablesOf<'a> {
    /// Where the frames come from.
    pub frames: &'a mut Frames,
    /// The space's id.
    pub space: u16,
}

impl TableFrames for TablesOf<'_> {
    fn take(&mut self) -> Option<PhysAddr> {
        self.frames.alloc(Owner::Table { space: self.space })
    }

    fn give(&mut self, table: PhysAddr) {
        self.frames.free(table);
    }

    fn take_zeroed<M: Machine>(&mut self, machine: &mut M) -> Option<PhysAddr> {
        let owner = Owner::Table { space: self.space };
        self.frames.alloc_zeroed(machine, owner)
    }

    fn give_empty(&mut self, table: PhysAddr) {
        self.frames.free_zeroed(table);
    }
}
