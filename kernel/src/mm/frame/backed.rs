//! What the evictor asks of a frame: its slot in the backing store, how long it was idle, the frame after it.

use pagetable::PhysAddr;

use super::{Frames, Owner, address};

impl Frames {
    /// The slot of the backing store that has the page, too.
    pub(in crate::mm) fn slot_of(&self, frame: PhysAddr) -> Option<u32> {
        self.table[self.row(frame)?].slot()
    }

    /// The page came from that slot, which stays its own; or it has none, and the caller has released it.
    pub(in crate::mm) fn set_slot(&mut self, frame: PhysAddr, slot: Option<u32>) {
        if let Some(at) = self.row(frame) {
            self.table[at].set_slot(slot);
        }
    }

    /// The hand comes by a page: for how many rounds it was not used now.
    pub(in crate::mm) fn count_idle(&mut self, frame: PhysAddr, accessed: bool) -> u8 {
        let Some(at) = self.row(frame) else { return 0 };
        let row = &mut self.table[at];
        let idle = if accessed { 0 } else { row.idle() + 1 };
        row.set_idle(idle);
        row.idle()
    }

    /// The first frame from `number` of that arena on that has a row, and its owner; the place behind it. Past the last
    /// one it goes on with the first; `None` where no arena has rows.
    pub(in crate::mm) fn next_row(
        &self,
        (arena, number): (usize, u64),
    ) -> Option<(PhysAddr, Owner, (usize, u64))> {
        let arenas = self.arenas_used;
        // This one from `number` on, the others, and this one from its beginning.
        for step in 0..=arenas {
            let place = (arena + step) % arenas.max(1);
            let known = self.arenas[..arenas].get(place)?;
            let number = if step == 0 {
                number.max(known.first)
            } else {
                known.first
            };
            if number < known.fresh {
                let owner = self.table[(number - self.first) as usize].owner();
                return Some((address(number as u32), owner, (place, number + 1)));
            }
        }
        None
    }

    /// How many frames have rows: as many steps of [`Self::next_row`] are a round.
    pub(in crate::mm) fn rows(&self) -> u64 {
        let arenas = self.arenas().iter();
        arenas.map(|arena| arena.fresh - arena.first).sum()
    }
}
