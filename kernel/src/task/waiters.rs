//! Threads that wait on an address, in the order in which they came.

use super::slot::{MAX_THREADS, Slot};

/// What a thread waits on: a word of a space, or of a shared object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitKey {
    /// The process' number; of a shared object its place in the table, with the top bit set.
    space: u16,
    /// The word's address; in a shared object how far it lies in.
    at: u64,
}

impl WaitKey {
    /// No word.
    pub const NONE: WaitKey = WaitKey { space: 0, at: 0 };

    /// A word at an address of a process.
    pub fn private(pid: u16, at: u64) -> WaitKey {
        WaitKey { space: pid, at }
    }

    /// A word of a shared object, that many bytes in.
    pub fn shared(object: u16, at: u64) -> WaitKey {
        WaitKey {
            space: object | 0x8000,
            at,
        }
    }
}

/// A list of threads, first in first out. Links are one more than a slot; 0 is none.
pub struct Waiters {
    first: u16,
    last: u16,
    next: [u16; MAX_THREADS],
    before: [u16; MAX_THREADS],
}

impl Waiters {
    /// No thread waits.
    pub const EMPTY: Waiters = Waiters {
        first: 0,
        last: 0,
        next: [0; MAX_THREADS],
        before: [0; MAX_THREADS],
    };

    fn slot(link: u16) -> Option<Slot> {
        (link != 0).then(|| Slot(link as usize - 1))
    }

    /// A thread that is not in the list is its last one.
    pub fn push(&mut self, slot: Slot) {
        let link = slot.0 as u16 + 1;
        self.next[slot.0] = 0;
        self.before[slot.0] = self.last;
        match Waiters::slot(self.last) {
            Some(last) => self.next[last.0] = link,
            None => self.first = link,
        }
        self.last = link;
    }

    /// A thread of the list waits no longer.
    pub fn remove(&mut self, slot: Slot) {
        let (before, next) = (self.before[slot.0], self.next[slot.0]);
        match Waiters::slot(before) {
            Some(before) => self.next[before.0] = next,
            None => self.first = next,
        }
        match Waiters::slot(next) {
            Some(next) => self.before[next.0] = before,
            None => self.last = before,
        }
    }

    /// The one that has waited longest.
    pub fn first(&self) -> Option<Slot> {
        Waiters::slot(self.first)
    }

    /// The one that came after `slot`.
    pub fn after(&self, slot: Slot) -> Option<Slot> {
        Waiters::slot(self.next[slot.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_from_wherever_leaves_the_order_of_the_others() {
        let mut waiters = Waiters::EMPTY;
        for n in [7, 3, 255, 0, 9] {
            waiters.push(Slot(n));
        }
        for n in [255, 7, 9] {
            waiters.remove(Slot(n));
        }
        waiters.push(Slot(7));
        let all = std::iter::successors(waiters.first(), |&slot| waiters.after(slot));
        assert_eq!(all.map(Slot::index).collect::<Vec<_>>(), [3, 0, 7]);
    }
}
