//! Places in the two tables, and sets of threads: a bit for each, so that who exists is found without a look at each.

/// Threads that can exist at once, those that have ended and were not joined included.
pub const MAX_THREADS: usize = 256;
/// Processes that can exist at once, those that have ended and were not waited for included.
pub const MAX_PROCESSES: usize = 64;
// Slots are masked with them, which spares a comparison on the way of every fault.
const _: () = assert!(MAX_THREADS.is_power_of_two() && MAX_PROCESSES.is_power_of_two());

/// A slot of the table of threads. It stays the same thread's until that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub(super) usize);

impl Slot {
    /// The first slot.
    pub const FIRST: Slot = Slot(0);

    /// The slot of that index; `None` from [`MAX_THREADS`] on.
    pub(super) fn at(index: usize) -> Option<Slot> {
        (index < MAX_THREADS).then_some(Slot(index))
    }

    /// The same, masked: the compiler sees that it is below [`MAX_THREADS`].
    #[inline]
    pub(super) fn index_in_table(self) -> usize {
        self.0 & (MAX_THREADS - 1)
    }

    /// Below [`MAX_THREADS`].
    pub fn index(self) -> usize {
        self.0
    }
}

/// A slot of the table of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessSlot(pub(super) u8);
const _: () = assert!(MAX_PROCESSES <= 256);

impl ProcessSlot {
    /// Below [`MAX_PROCESSES`], which the mask says to the compiler.
    #[inline]
    pub(super) fn index(self) -> usize {
        self.0 as usize & (MAX_PROCESSES - 1)
    }
}

const WORDS: usize = MAX_THREADS / 64;

/// Slots of threads, a bit for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotSet([u64; WORDS]);

impl SlotSet {
    /// No slot.
    pub const NONE: SlotSet = SlotSet([0; WORDS]);

    /// Puts the slot in or takes it out.
    pub fn set(&mut self, slot: Slot, is_in: bool) {
        let word = &mut self.0[slot.0 / 64 % WORDS];
        let bit = 1 << (slot.0 % 64);
        *word = *word & !bit | if is_in { bit } else { 0 };
    }

    /// Is the slot in it?
    pub fn has(&self, slot: Slot) -> bool {
        self.0[slot.0 / 64 % WORDS] >> (slot.0 % 64) & 1 != 0
    }

    /// The lowest slot that is in it.
    pub fn first(&self) -> Option<Slot> {
        let word = self.0.iter().position(|word| *word != 0)?;
        Some(Slot(word * 64 + self.0[word].trailing_zeros() as usize))
    }

    /// The slots that are not in it.
    pub fn others(self) -> SlotSet {
        SlotSet(self.0.map(|word| !word))
    }
}

impl Iterator for SlotSet {
    type Item = Slot;

    fn next(&mut self) -> Option<Slot> {
        let word = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0);
        let (n, word) = word?;
        let first = Slot(n * 64 + word.trailing_zeros() as usize);
        *word &= *word - 1;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_into_it_in_ascending_order() {
        let mut set = SlotSet::NONE;
        for n in [200, 3, 64, 255, 0] {
            set.set(Slot(n), true);
        }
        set.set(Slot(64), false);
        assert_eq!(set.first(), Some(Slot(0)));
        assert!(set.has(Slot(200)) && !set.has(Slot(64)));
        let all: Vec<usize> = set.map(Slot::index).collect();
        assert_eq!(all, [0, 3, 200, 255]);
        assert_eq!(set.others().count(), MAX_THREADS - 4);
    }
}
