//! The fault log: a ring that never waits, and counts what it forgot.

use abi::Fault;

/// The last faults, each with a sequence number: the first since boot has 0.
#[derive(Debug)]
pub struct Log {
    ring: &'static mut [Fault],
    /// Where the next record goes.
    place: usize,
    /// Sequence number of the next record.
    next: u64,
}

impl Log {
    /// A log over `ring`, whose content does not matter.
    pub fn new(ring: &'static mut [Fault]) -> Log {
        Log {
            ring,
            place: 0,
            next: 0,
        }
    }

    /// Keeps a record, over the oldest if the ring is full.
    #[inline(always)]
    pub fn push(&mut self, fault: &Fault) {
        if let Some(slot) = self.ring.get_mut(self.place) {
            *slot = *fault;
            self.place = if self.place + 1 == self.ring.len() {
                0
            } else {
                self.place + 1
            };
        }
        self.next += 1;
    }

    /// The record that was pushed last; an empty one before the first, or without room.
    pub fn last(&self) -> Fault {
        let last = self.next.checked_sub(1).and_then(|last| self.get(last));
        last.copied().unwrap_or(Fault::EMPTY)
    }

    /// Where the next records go, for the fast path's assembly: the address of the first, and
    /// how many lie behind each other from there.
    #[inline]
    pub fn slots(&mut self) -> (usize, usize) {
        let rest = &mut self.ring[self.place..];
        (rest.as_mut_ptr() as usize, rest.len())
    }

    /// The fast path has written so many of them.
    #[inline]
    pub fn advance(&mut self, records: u32) {
        let ring = self.ring.len();
        self.next += u64::from(records);
        let place = self.place + records as usize;
        self.place = if place >= ring { 0 } else { place };
    }

    /// Sequence number of the next record: how many there have been.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Sequence number of the oldest record that is still kept: how many were forgotten.
    pub fn oldest(&self) -> u64 {
        self.next.saturating_sub(self.ring.len() as u64)
    }

    /// How many records fit.
    pub fn capacity(&self) -> usize {
        self.ring.len()
    }

    /// The record with this sequence number; `None` if it was forgotten or has not happened.
    pub fn get(&self, sequence: u64) -> Option<&Fault> {
        if sequence < self.oldest() || sequence >= self.next {
            return None;
        }
        let back = (self.next - sequence) as usize;
        let place = if back <= self.place {
            self.place - back
        } else {
            self.place + self.ring.len() - back
        };
        self.ring.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(records: usize) -> Log {
        Log::new(
            vec![
                Fault {
                    va: 0xdead,
                    ..Fault::EMPTY
                };
                records
            ]
            .leak(),
        )
    }

    #[test]
    fn a_full_ring_forgets_the_oldest_and_says_how_many() {
        let mut log = log(4);
        assert_eq!(
            (log.oldest(), log.next(), log.get(0).is_none()),
            (0, 0, true)
        );
        for va in 0..11 {
            log.push(&Fault { va, ..Fault::EMPTY });
            let kept: Vec<u64> = (log.oldest()..log.next())
                .map(|at| log.get(at).unwrap().va)
                .collect();
            assert_eq!(
                kept,
                ((va + 1).saturating_sub(4)..=va).collect::<Vec<u64>>()
            );
        }
        assert_eq!((log.oldest(), log.next()), (7, 11));
        assert!(log.get(6).is_none() && log.get(11).is_none());
    }

    #[test]
    fn records_that_were_written_in_their_slots_are_as_if_pushed() {
        let mut log = log(4);
        for round in 0..9 {
            let (_, slots) = log.slots();
            assert!((1..=4).contains(&slots), "never past the end");
            let written = slots.min(1 + round % 3);
            let place = log.place;
            for n in 0..written {
                log.ring[place + n].va = log.next + n as u64;
            }
            log.advance(written as u32);
            for sequence in log.oldest()..log.next() {
                assert_eq!(log.get(sequence).unwrap().va, sequence);
            }
        }
    }

    #[test]
    fn a_log_without_room_still_counts() {
        let mut log = log(0);
        log.push(&Fault::EMPTY);
        assert_eq!(
            (log.oldest(), log.next(), log.get(0).is_none()),
            (1, 1, true)
        );
    }
}
