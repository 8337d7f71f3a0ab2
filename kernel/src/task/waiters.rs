//! Threads that wait for each other: on an address, for a message, for room. Each list is in the order of arrival.

use abi::message::SERVERS;

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

/// Lists: those that wait on addresses, those that wait for pages, and two of each server.
const LISTS: usize = 2 + 2 * SERVERS;

/// What the threads of a list wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitList {
    /// The word at some address.
    Address,
    /// Pages that their process has lent.
    Pages,
    /// A message to that server.
    Message(u8),
    /// Room in the queue of that server.
    Room(u8),
}

impl WaitList {
    #[inline]
    fn index(self) -> usize {
        match self {
            WaitList::Address => 0,
            WaitList::Pages => 1,
            WaitList::Message(server) => 2 + server as usize % SERVERS,
            WaitList::Room(server) => 2 + SERVERS + server as usize % SERVERS,
        }
    }
}

/// The ends of a list. Links are one more than a slot; 0 is none.
#[derive(Clone, Copy)]
struct ListEnds {
    first: u16,
    last: u16,
}

/// Lists of threads, first in first out. A thread is in one of them at most.
pub struct Waiters {
    ends: [ListEnds; LISTS],
    next: [u16; MAX_THREADS],
    before: [u16; MAX_THREADS],
}

impl Waiters {
    /// No thread waits.
    pub const EMPTY: Waiters = Waiters {
        ends: [ListEnds { first: 0, last: 0 }; LISTS],
        next: [0; MAX_THREADS],
        before: [0; MAX_THREADS],
    };

    #[inline]
    fn slot(link: u16) -> Option<Slot> {
        (link != 0).then(|| Slot((link as usize - 1) & (MAX_THREADS - 1)))
    }

    /// A thread that is in no list is the last one of this.
    pub fn push(&mut self, list: WaitList, slot: Slot) {
        let link = slot.0 as u16 + 1;
        let ends = &mut self.ends[list.index()];
        self.next[slot.0] = 0;
        self.before[slot.0] = ends.last;
        match Waiters::slot(ends.last) {
            Some(last) => self.next[last.0] = link,
            None => ends.first = link,
        }
        ends.last = link;
    }

    /// A thread of the list waits no longer.
    pub fn remove(&mut self, list: WaitList, slot: Slot) {
        let ends = &mut self.ends[list.index()];
        let (before, next) = (self.before[slot.0], self.next[slot.0]);
        match Waiters::slot(before) {
            Some(before) => self.next[before.0] = next,
            None => ends.first = next,
        }
        match Waiters::slot(next) {
            Some(next) => self.before[next.0] = before,
            None => ends.last = before,
        }
    }

    /// The one that has waited longest.
    #[inline]
    pub fn first(&self, list: WaitList) -> Option<Slot> {
        Waiters::slot(self.ends[list.index()].first)
    }

    /// The one of its list that came after `slot`.
    pub fn after(&self, slot: Slot) -> Option<Slot> {
        Waiters::slot(self.next[slot.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leaves_from_wherever_leaves_the_order_of_the_others() {
        let (one, other) = (WaitList::Address, WaitList::Room(31));
        let mut waiters = Waiters::EMPTY;
        for n in [7, 3, 255, 0, 9] {
            waiters.push(one, Slot(n));
            waiters.push(other, Slot(100 + n % 100));
        }
        for n in [255, 7, 9] {
            waiters.remove(one, Slot(n));
        }
        waiters.push(one, Slot(7));
        let all = |list| {
            let all = std::iter::successors(waiters.first(list), |&slot| waiters.after(slot));
            all.map(Slot::index).collect::<Vec<_>>()
        };
        assert_eq!(all(one), [3, 0, 7]);
        assert_eq!(all(other), [107, 103, 155, 100, 109]);
        assert_eq!(all(WaitList::Message(31)), []);
    }
}
