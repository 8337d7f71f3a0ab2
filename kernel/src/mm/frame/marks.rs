//! What an audit asks of the frame table: marks that last as long as it does.

use pagetable::PhysAddr;

use super::descriptor::{NONE, OBJECT, Owner, PAGE, TABLE};
use super::{Frames, address};

impl Frames {
    /// Marks a frame as met; `false` if it was met before, or has no row.
    pub(in crate::mm) fn mark(&mut self, frame: PhysAddr) -> bool {
        let Some(at) = self.row(frame) else {
            return false;
        };
        let row = &mut self.table[at];
        let first = !row.is_seen();
        row.set_seen(true);
        first
    }

    /// Takes every mark away; of each frame that is given out: its number, its owner, and
    /// whether it was met.
    pub(in crate::mm) fn sweep(&mut self, mut see: impl FnMut(PhysAddr, Owner, bool)) {
        for arena in self.arenas[..self.arenas_used].iter() {
            for number in arena.first..arena.fresh {
                let row = &mut self.table[(number - self.first) as usize];
                if matches!(row.state(), TABLE | PAGE | OBJECT) {
                    see(address(number as u32), row.owner(), row.is_seen());
                }
                row.set_seen(false);
            }
        }
    }

    /// Frames that can be given out, counted one by one; the same as the counts say, if all
    /// is well and the pool is not limited.
    pub(in crate::mm) fn count_free(&self) -> u32 {
        let mut free = self.fast.magazine.count as u32;
        for (place, arena) in self.arenas().iter().enumerate() {
            let mut at = self.fast.free.heads[place];
            // A list that goes round must not hang the one who looks for what is wrong.
            let mut left = arena.end - arena.first;
            while at != NONE && left > 0 {
                (free, left) = (free + 1, left - 1);
                at = self.table[self.index(at)].link;
            }
            free += (arena.fresh..arena.end)
                .filter(|&number| self.was_free_at_boot(number) && number as u32 != NONE)
                .count() as u32;
        }
        free
    }

    /// The pool was given a limit at boot: not all that is free can be given out.
    pub(in crate::mm) fn is_limited(&self) -> bool {
        self.limited
    }
}
