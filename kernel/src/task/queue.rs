//! The ready threads: a list for each priority, first in first out, and a bit for each list that holds one.
//!
//! ```text
//!   words    …0100000010…            bit p: the list of priority p is not empty
//!   heads    p: slot ─► slot ─► slot ─┐   a ring, linked in both directions through the threads' places
//!                 └──────────────────┘
//! ```
//!
//! The highest ready thread is found in constant time, however many are ready. All of it is zeros while it is empty, so that
//! it lies in BSS.

use super::slot::{MAX_THREADS, Slot};

/// Priorities: 0 to 255.
pub const PRIORITIES: usize = 256;
const BITS: usize = usize::BITS as usize;

/// A thread's neighbours in the ring of its list.
#[derive(Clone, Copy)]
struct Link {
    next: u8,
    before: u8,
}
const _: () = assert!(MAX_THREADS <= 256);

/// Threads that are ready to run.
pub struct ReadyQueue {
    words: [usize; PRIORITIES / BITS],
    /// One more than the slot that comes first; 0 for an empty list.
    heads: [u16; PRIORITIES],
    links: [Link; MAX_THREADS],
    /// One more than the highest priority whose list is not empty; 0 when all are.
    highest: u16,
}

impl ReadyQueue {
    /// No thread is ready.
    pub const EMPTY: ReadyQueue = ReadyQueue {
        words: [0; PRIORITIES / BITS],
        heads: [0; PRIORITIES],
        links: [Link { next: 0, before: 0 }; MAX_THREADS],
        highest: 0,
    };

    /// Puts a thread that is in no list behind all others of its priority.
    #[inline]
    pub fn push(&mut self, slot: Slot, priority: u8) {
        self.insert(slot, priority);
        let head = &mut self.heads[priority as usize];
        if *head == 0 {
            self.fill(slot, priority);
        }
    }

    /// Puts a thread that is in no list before all others of its priority.
    #[inline]
    pub fn push_front(&mut self, slot: Slot, priority: u8) {
        self.insert(slot, priority);
        self.fill(slot, priority);
    }

    /// Links a thread in between the last of its list and the first.
    #[inline]
    fn insert(&mut self, slot: Slot, priority: u8) {
        let place = slot.0 & (MAX_THREADS - 1);
        match self.heads[priority as usize].checked_sub(1) {
            None => {
                self.links[place] = Link {
                    next: place as u8,
                    before: place as u8,
                }
            }
            Some(head) => {
                let head = head as usize & (MAX_THREADS - 1);
                let last = self.links[head].before;
                self.links[place] = Link {
                    next: head as u8,
                    before: last,
                };
                self.links[head].before = place as u8;
                self.links[last as usize].next = place as u8;
            }
        }
    }

    /// The list has a first one.
    #[inline]
    fn fill(&mut self, slot: Slot, priority: u8) {
        let priority = priority as usize;
        self.heads[priority] = slot.0 as u16 + 1;
        self.words[priority / BITS] |= 1 << (priority % BITS);
        self.highest = self.highest.max(priority as u16 + 1);
    }

    /// Takes a thread out that is in the list of this priority.
    #[inline]
    pub fn remove(&mut self, slot: Slot, priority: u8) {
        let place = slot.0 & (MAX_THREADS - 1);
        let Link { next, before } = self.links[place];
        let priority = priority as usize;
        if next as usize == place {
            self.empty(priority);
            return;
        }
        self.links[next as usize].before = before;
        self.links[before as usize].next = next;
        if self.heads[priority] == place as u16 + 1 {
            self.heads[priority] = u16::from(next) + 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn empty(&mut self, priority: usize) {
        self.heads[priority] = 0;
        self.words[priority / BITS] &= !(1 << (priority % BITS));
        let words = self.words.iter().enumerate().rev();
        let mut highest = words.filter(|(_, word)| **word != 0).map(|(n, word)| {
            let bit = usize::BITS - 1 - word.leading_zeros();
            (n * BITS) as u16 + bit as u16 + 1
        });
        self.highest = highest.next().unwrap_or(0);
    }

    /// The first of the highest priority.
    #[inline]
    pub fn first(&self) -> Option<Slot> {
        let highest = self.highest.checked_sub(1)?;
        let head = self.heads[highest as usize & (PRIORITIES - 1)];
        Some(Slot((head as usize).wrapping_sub(1) & (MAX_THREADS - 1)))
    }

    /// The first of that priority, if it is the highest.
    #[inline]
    pub fn first_of(&self, priority: u8) -> Option<Slot> {
        let is_highest = self.highest == u16::from(priority) + 1;
        let head = self.heads[priority as usize] as usize;
        is_highest.then(|| Slot(head.wrapping_sub(1) & (MAX_THREADS - 1)))
    }

    /// The first of a list that is not empty leaves it, and a thread that is in none is its last one.
    #[inline]
    pub fn rotate(&mut self, slot: Slot, priority: u8) {
        let place = slot.0 & (MAX_THREADS - 1);
        let head = &mut self.heads[priority as usize];
        let first = (*head as usize).wrapping_sub(1) & (MAX_THREADS - 1);
        let Link { next, before } = self.links[first];
        if next as usize == first {
            *head = place as u16 + 1;
            self.links[place] = Link {
                next: place as u8,
                before: place as u8,
            };
            return;
        }
        // In the ring the last one is before the first: it takes the place of that one, and the head moves on.
        *head = u16::from(next) + 1;
        self.links[place] = Link { next, before };
        self.links[next as usize].before = place as u8;
        self.links[before as usize].next = place as u8;
    }

    /// Is a thread ready whose priority is this one, or higher?
    #[inline]
    pub fn has_from(&self, priority: u8) -> bool {
        self.highest > u16::from(priority)
    }

    /// Is a thread ready whose priority is higher?
    #[inline]
    pub fn has_above(&self, priority: u8) -> bool {
        self.highest > u16::from(priority) + 1
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn the_highest_comes_first_and_within_a_priority_who_came_first() {
        let mut queue = ReadyQueue::EMPTY;
        assert_eq!(queue.first(), None);
        for (slot, priority) in [(5, 100), (6, 255), (7, 100), (8, 0)] {
            queue.push(Slot(slot), priority);
        }
        queue.push_front(Slot(9), 100);
        let mut order = Vec::new();
        for priority in [255, 100, 100, 100, 0] {
            let first = queue.first().unwrap();
            order.push(first.0);
            queue.remove(first, priority);
        }
        assert_eq!(order, [6, 9, 5, 7, 8]);
        assert_eq!(queue.first(), None);
    }

    #[test]
    fn a_queue_agrees_with_lists_after_every_change() {
        let mut queue = ReadyQueue::EMPTY;
        let mut lists: Vec<VecDeque<usize>> = vec![VecDeque::new(); PRIORITIES];
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for _ in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let slot = (seed >> 8) as usize % MAX_THREADS;
            let priority = [0, 1, 63, 64, 100, 254, 255][(seed >> 20) as usize % 7];
            let at = lists.iter().position(|list| list.contains(&slot));
            match at {
                None if queue.first_of(priority).is_some() && seed & 6 == 0 => {
                    queue.rotate(Slot(slot), priority);
                    let list = &mut lists[usize::from(priority)];
                    list.pop_front();
                    list.push_back(slot);
                }
                Some(at) => {
                    queue.remove(Slot(slot), at as u8);
                    lists[at].retain(|other| *other != slot);
                }
                None if seed & 1 == 0 => {
                    queue.push(Slot(slot), priority);
                    lists[usize::from(priority)].push_back(slot);
                }
                None => {
                    queue.push_front(Slot(slot), priority);
                    lists[usize::from(priority)].push_front(slot);
                }
            }
            let best = lists.iter().rposition(|list| !list.is_empty());
            let first = best.and_then(|best| lists[best].front().copied());
            assert_eq!(queue.first().map(Slot::index), first);
            let of = queue.first_of(priority).map(Slot::index);
            assert_eq!(of, first.filter(|_| best == Some(priority.into())));
            assert_eq!(queue.has_from(100), best.is_some_and(|best| best >= 100));
            assert_eq!(queue.has_above(100), best.is_some_and(|best| best > 100));
        }
    }
}
