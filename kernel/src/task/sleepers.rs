//! Threads that a tick of the clock wakes, ordered by that tick: the first one is found at once.
//!
//! A list, sorted as threads go to sleep: few do at a time, and most of them for longer than those before.

use super::slot::{MAX_THREADS, Slot};

/// Threads that wait for a tick. Links are one more than a slot; 0 is none.
pub struct Sleepers {
    first: u16,
    next: [u16; MAX_THREADS],
    until: [u64; MAX_THREADS],
}

impl Sleepers {
    /// No thread sleeps.
    pub const EMPTY: Sleepers = Sleepers {
        first: 0,
        next: [0; MAX_THREADS],
        until: [0; MAX_THREADS],
    };

    fn slot(link: u16) -> Option<Slot> {
        (link != 0).then(|| Slot(link as usize - 1))
    }

    /// A thread that is not in the list waits until that tick, behind those of the same.
    pub fn insert(&mut self, slot: Slot, until: u64) {
        let mut before = None;
        let mut link = self.first;
        while let Some(at) = Sleepers::slot(link)
            && self.until[at.0] <= until
        {
            before = Some(at);
            link = self.next[at.0];
        }
        self.until[slot.0] = until;
        self.next[slot.0] = link;
        self.link(before, slot.0 as u16 + 1);
    }

    /// A thread waits no longer.
    pub fn remove(&mut self, slot: Slot) {
        let mut before = None;
        let mut link = self.first;
        while let Some(at) = Sleepers::slot(link) {
            if at == slot {
                return self.link(before, self.next[slot.0]);
            }
            before = Some(at);
            link = self.next[at.0];
        }
    }

    fn link(&mut self, before: Option<Slot>, link: u16) {
        match before {
            Some(before) => self.next[before.0] = link,
            None => self.first = link,
        }
    }

    /// Who is woken first.
    pub fn first(&self) -> Option<Slot> {
        Sleepers::slot(self.first)
    }

    /// The tick that wakes the first one; `u64::MAX` when none sleeps.
    #[inline]
    pub fn first_tick(&self) -> u64 {
        match self.first {
            0 => u64::MAX,
            first => self.until[(first as usize - 1) & (MAX_THREADS - 1)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sleeps_shortest_is_first_and_of_equals_who_came_first() {
        let mut sleepers = Sleepers::EMPTY;
        assert_eq!(sleepers.first_tick(), u64::MAX);
        for (slot, until) in [(3, 50), (4, 20), (5, 50), (6, 7), (7, 90)] {
            sleepers.insert(Slot(slot), until);
        }
        sleepers.remove(Slot(4));
        let mut order = Vec::new();
        while let Some(first) = sleepers.first() {
            order.push((first.0, sleepers.first_tick()));
            sleepers.remove(first);
        }
        assert_eq!(order, [(6, 7), (3, 50), (5, 50), (7, 90)]);
    }
}
