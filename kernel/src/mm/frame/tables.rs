//! Frames for page tables, of one space.

use pagetable::PhysAddr;

use super::{Frames, Owner};
use crate::mm::TableFrames;

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
}
