//! Which slots of a backing store are in use, and by how many.
//!
//! Slots that are free are a list through the table; those that were never used lie behind a watermark, so that nothing is
//! spent on them at boot.

/// No slot follows.
const END: u32 = !USED;
/// A slot in use; the other bits count who refers to it.
const USED: u32 = 1 << 31;

/// The slots of a store.
#[derive(Debug)]
pub struct Slots {
    table: &'static mut [u32],
    free: u32,
    fresh: u32,
    used: u32,
}

impl Slots {
    /// As many as `table` has rows; what those hold does not matter.
    pub fn new(table: &'static mut [u32]) -> Slots {
        Slots {
            table,
            free: END,
            fresh: 0,
            used: 0,
        }
    }

    /// How many slots there are.
    pub fn count(&self) -> u32 {
        self.table.len() as u32
    }

    /// How many slots are in use.
    pub fn used(&self) -> u32 {
        self.used
    }

    /// A slot for one user, if more than `reserve` are free.
    pub fn take(&mut self, reserve: u32) -> Option<u32> {
        if self.count() - self.used <= reserve {
            return None;
        }
        let slot = if self.free == END {
            self.fresh += 1;
            self.fresh - 1
        } else {
            let slot = self.free;
            self.free = *self.table.get(slot as usize)?;
            slot
        };
        *self.table.get_mut(slot as usize)? = USED | 1;
        self.used += 1;
        Some(slot)
    }

    /// Is it in use?
    pub fn is_used(&self, slot: u32) -> bool {
        slot < self.fresh && self.table[slot as usize] & USED != 0
    }

    /// One user less; true if that was the last one. One that is not in use stays so: `false`.
    pub fn release(&mut self, slot: u32) -> bool {
        if !self.is_used(slot) {
            return false;
        }
        let row = &mut self.table[slot as usize];
        *row -= 1;
        let is_last = *row == USED;
        if is_last {
            *row = self.free;
            self.free = slot;
            self.used -= 1;
        }
        is_last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_given_once_and_comes_back() {
        let mut slots = Slots::new(vec![0xdead_beef; 5].leak());
        let all: Vec<u32> = core::iter::from_fn(|| slots.take(0)).collect();
        assert_eq!(all, [0, 1, 2, 3, 4]);
        assert!(slots.release(3) && !slots.release(3) && !slots.release(77));
        assert_eq!((slots.used(), slots.is_used(3)), (4, false));
        assert_eq!(slots.take(0), Some(3));
    }

    #[test]
    fn a_reserve_is_for_those_who_may_have_it() {
        let mut slots = Slots::new(vec![0; 2].leak());
        assert_eq!(slots.take(1), Some(0));
        assert_eq!(slots.take(1), None);
        assert_eq!(slots.take(0), Some(1));
    }
}
