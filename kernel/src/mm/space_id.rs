//! Which space a frame or a leaf belongs to.

use super::Frames;
use super::frame::TablesOf;

/// What of a space its frames and leaves need.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpaceId {
    pub id: u16,
    pub satp: u64,
}

impl SpaceId {
    /// The source of this space's page tables.
    #[inline]
    pub fn tables<'a>(&self, frames: &'a mut Frames) -> TablesOf<'a> {
        TablesOf {
            frames,
            space: self.id,
        }
    }
}
