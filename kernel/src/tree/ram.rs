//! RAM that the kernel may look at: what the tree lists, without what others hold.

use pagetable::PhysAddr;

use super::{Range, Tree};

/// More pieces than any board has; one too many is not looked at.
const PIECES: usize = 16;

/// RAM that the kernel may look at: all but the firmware's.
#[derive(Clone, Copy, Debug)]
pub struct RamMap {
    pieces: [Range; PIECES],
    used: usize,
}

impl RamMap {
    /// A map without RAM: no address can be read.
    #[cfg(test)]
    pub(crate) const EMPTY: RamMap = RamMap {
        pieces: [Range { base: 0, bytes: 0 }; PIECES],
        used: 0,
    };

    /// What the tree says, without what others hold.
    pub fn new(tree: &Tree) -> RamMap {
        let mut map = RamMap {
            pieces: [Range { base: 0, bytes: 0 }; PIECES],
            used: 0,
        };
        for &ram in tree.ram.as_slice() {
            for piece in ram.without(tree.held.as_slice().iter().copied()) {
                if let Some(place) = map.pieces.get_mut(map.used) {
                    *place = piece;
                    map.used += 1;
                }
            }
        }
        map
    }

    /// The pieces of RAM, ascending.
    pub fn as_slice(&self) -> &[Range] {
        &self.pieces[..self.used]
    }

    /// How many of `bytes` from `at` on are RAM.
    pub fn there(&self, at: PhysAddr, bytes: usize) -> usize {
        let at = at.raw();
        let piece = self
            .as_slice()
            .iter()
            .find(|piece| piece.base <= at && at - piece.base < piece.bytes);
        piece.map_or(0, |piece| {
            (piece.bytes - (at - piece.base)).min(bytes as u64) as usize
        })
    }
}
