//! The fault log: a ring that never waits, and counts what it forgot.
//!
//! In front of the ring stands its header, so that it can be read where no kernel runs any more: by
//! the next boot, if memory kept it, or by a host (`abi::log`).

use abi::Fault;
use abi::log::LogHeader;

/// The last faults, each with a sequence number: the first since boot has 0.
#[derive(Debug)]
pub struct Log {
    ring: &'static mut [Fault],
    /// A [`LogHeader`]; its `satp` is the sequence number of the next record.
    header: &'static mut Fault,
    /// Where the next record goes.
    place: usize,
}

/// Records in a page: a log takes whole pages.
const IN_A_PAGE: usize = 4096 / size_of::<Fault>();

/// How many records' room two logs of that capacity take: that of this boot, and that of the one
/// before.
pub const fn room(capacity: usize) -> usize {
    2 * (capacity + 1).next_multiple_of(IN_A_PAGE)
}

/// This boot's log, and that of the boot before if memory kept it. `memory` has [`room`]; it is not
/// cleared, and of two logs that are there the older one is written over.
pub fn open(
    memory: &'static mut [Fault],
    capacity: usize,
    ticks_per_second: u64,
) -> (Log, Option<Log>) {
    let (one, two) = memory.split_at_mut(memory.len() / 2);
    let boot = |half: &[Fault]| {
        let header = half.first().and_then(LogHeader::of_record);
        // One of another capacity lay elsewhere.
        header.filter(|header| header.capacity as usize == capacity)
    };
    let (boots, is_one_older) = match (boot(one), boot(two)) {
        (Some(one), Some(two)) => (one.boot.max(two.boot), one.boot < two.boot),
        (Some(one), None) => (one.boot, false),
        (None, Some(two)) => (two.boot, true),
        (None, None) => (0, true),
    };
    let (new, old) = if is_one_older { (one, two) } else { (two, one) };
    let old = (boots > 0).then(|| Log::kept(old, capacity)).flatten();
    let header = LogHeader {
        capacity: capacity as u32,
        boot: boots.wrapping_add(1).max(1),
        ticks_per_second,
        next: 0,
    };
    (Log::over(new, capacity, &header), old)
}

impl Log {
    /// A log over `ring`, whose content does not matter, with no header that anybody could find.
    #[cfg(test)]
    pub fn new(ring: &'static mut [Fault]) -> Log {
        let header = Box::leak(Box::new(Fault {
            satp: 0,
            ..Fault::EMPTY
        }));
        Log {
            ring,
            header,
            place: 0,
        }
    }

    /// An empty log of that header.
    fn over(memory: &'static mut [Fault], capacity: usize, header: &LogHeader) -> Log {
        let (first, rest) = memory.split_at_mut(1);
        first[0] = header.to_record();
        Log {
            ring: &mut rest[..capacity],
            header: &mut first[0],
            place: 0,
        }
    }

    /// The log that is there. Nothing of it is written.
    fn kept(memory: &'static mut [Fault], capacity: usize) -> Option<Log> {
        let header = LogHeader::of_record(memory.first()?)?;
        let (first, rest) = memory.split_at_mut(1);
        Some(Log {
            ring: rest.get_mut(..capacity)?,
            header: &mut first[0],
            place: (header.next % header.capacity.max(1) as u64) as usize,
        })
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
        self.header.satp += 1;
    }

    /// The record that was pushed last; an empty one before the first, or without room.
    pub fn last(&self) -> Fault {
        let last = self.next().checked_sub(1).and_then(|last| self.get(last));
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
        self.header.satp += u64::from(records);
        let place = self.place + records as usize;
        self.place = if place >= ring { 0 } else { place };
    }

    /// Sequence number of the next record: how many there have been.
    pub fn next(&self) -> u64 {
        self.header.satp
    }

    /// Sequence number of the oldest record that is still kept: how many were forgotten.
    pub fn oldest(&self) -> u64 {
        self.next().saturating_sub(self.ring.len() as u64)
    }

    /// How many records fit.
    pub fn capacity(&self) -> usize {
        self.ring.len()
    }

    /// The record with this sequence number; `None` if it was forgotten or has not happened.
    pub fn get(&self, sequence: u64) -> Option<&Fault> {
        if sequence < self.oldest() || sequence >= self.next() {
            return None;
        }
        let back = (self.next() - sequence) as usize;
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
                log.ring[place + n].va = log.next() + n as u64;
            }
            log.advance(written as u32);
            for sequence in log.oldest()..log.next() {
                assert_eq!(log.get(sequence).unwrap().va, sequence);
            }
        }
    }

    /// What a warm reset is to memory: nothing.
    #[test]
    fn the_log_of_the_boot_before_is_kept_and_can_be_read() {
        const CAPACITY: usize = 100;
        let noise = Fault {
            time: u64::from_le_bytes(abi::log::MAGIC),
            va: 0xdead,
            ..Fault::EMPTY
        };
        let mut image = vec![noise; room(CAPACITY)];
        let told = |log: &Log| -> Vec<u64> {
            let kept = log.oldest()..log.next();
            kept.map(|at| log.get(at).unwrap().va).collect()
        };
        let mut before: Option<Vec<u64>> = None;
        for boot in 1..6_u64 {
            let memory = image.clone().leak();
            let at = memory.as_ptr();
            let (mut log, old) = open(memory, CAPACITY, 1000);
            assert_eq!(old.as_ref().map(told), before, "boot {boot}");
            assert_eq!((log.next(), log.capacity()), (0, CAPACITY));
            for n in 0..boot * 40 {
                let va = boot * 1000 + n;
                log.push(&Fault { va, ..Fault::EMPTY });
            }
            before = Some(told(&log));
            assert_eq!(log.next(), boot * 40);
            // What memory holds when the power stays.
            image = written(log, old, at, room(CAPACITY));
        }
    }

    /// The memory of two logs, by the references to its parts.
    fn written(log: Log, old: Option<Log>, at: *const Fault, records: usize) -> Vec<Fault> {
        let mut image = vec![Fault::EMPTY; records];
        for log in [Some(log), old].into_iter().flatten() {
            let header = (&raw const *log.header as usize - at as usize) / size_of::<Fault>();
            image[header] = *log.header;
            image[header + 1..][..log.ring.len()].copy_from_slice(log.ring);
        }
        image
    }

    #[test]
    fn what_is_no_log_of_this_kernel_is_not_taken_for_one() {
        let header = LogHeader {
            capacity: 100,
            boot: 4,
            ticks_per_second: 1000,
            next: 7,
        };
        let good = header.to_record();
        for record in [
            Fault::EMPTY,
            Fault {
                cost: good.cost ^ 1,
                ..good
            },
            // Of another size: its records lay elsewhere.
            LogHeader {
                capacity: 200,
                ..header
            }
            .to_record(),
        ] {
            let memory = vec![record; room(100)].leak();
            let (log, old) = open(memory, 100, 1000);
            assert!(old.is_none() && log.next() == 0);
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
