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
    #[inline]
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
    fn a_log_without_room_still_counts() {
        let mut log = log(0);
        log.push(&Fault::EMPTY);
        assert_eq!(
            (log.oldest(), log.next(), log.get(0).is_none()),
            (1, 1, true)
        );
    }
}
