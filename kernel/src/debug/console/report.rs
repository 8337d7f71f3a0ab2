//! From the fault log to frames on the wire: batched, and gaps counted.

use wire::{BatchWriter, Event, Welcome};

use super::outgoing::Outgoing;
use crate::fault::Log;

/// A batch is closed when no further record fits; its frame is this long at most.
const PAYLOAD: usize = 240;
/// Records that are worth a frame while the hart has something better to do.
const WORTHWHILE: u64 = 12;

/// What was not sent to the host yet.
pub struct Report {
    /// A greeting is owed, for the session of this number.
    greeting: Option<u32>,
    /// Sending begins again at the oldest record.
    anew: bool,
    /// Sequence number of the next record to send.
    next: u64,
}

impl Report {
    /// No fault was sent, and no greeting is owed.
    pub const EMPTY: Report = Report {
        greeting: None,
        anew: false,
        next: 0,
    };

    /// Greets the host next, then sends faults from the oldest that is kept: a host
    /// that says hello again wants what it missed.
    pub fn greet(&mut self, session: u32) {
        self.greeting = Some(session);
        self.anew = true;
    }

    /// Are there enough new records for a frame?
    #[inline]
    pub fn is_worthwhile(&self, log: &Log) -> bool {
        log.next() - self.next >= WORTHWHILE
    }

    /// True if there is anything to send.
    pub fn has_more(&self, log: &Log) -> bool {
        self.greeting.is_some() || log.next() > self.next
    }

    /// Makes the next frame, if the last one is sent and there is something to send; whether
    /// it did. A greeting gives the board's name and the ticks in a second.
    pub fn make(
        &mut self,
        log: &Log,
        (board, ticks_per_second): (&str, u64),
        outgoing: &mut Outgoing,
    ) -> bool {
        if !outgoing.is_free() || !self.has_more(log) {
            return false;
        }
        if core::mem::take(&mut self.anew) {
            self.next = self.next.min(log.oldest());
        }
        if let Some(session) = self.greeting.take() {
            let welcome = Welcome {
                version: wire::VERSION,
                ticks_per_second,
                xlen: usize::BITS,
                board,
                session,
            };
            // A board's name is a few letters; one too long would only cost the greeting.
            outgoing.begin(|sequence, out| welcome.encode(sequence, out));
            return true;
        }
        let forgotten = log.oldest().saturating_sub(self.next);
        if forgotten > 0 {
            self.next = log.oldest();
            outgoing.begin(|sequence, out| Event::encode_lost(forgotten, sequence, out));
            return true;
        }
        let mut batch = BatchWriter::<PAYLOAD>::new(self.next);
        while let Some(fault) = log.get(self.next)
            && batch.push(fault)
        {
            self.next += 1;
        }
        outgoing.begin(|sequence, out| batch.encode(sequence, out));
        true
    }
}

#[cfg(test)]
mod tests {
    use abi::Fault;
    use wire::{Split, Splitter};

    use super::*;

    const BOARD: (&str, u64) = ("qemu-virt", 10_000_000);

    fn fault(va: u64) -> Fault {
        Fault {
            va,
            task: 3,
            cause: 15,
            ..Fault::EMPTY
        }
    }

    /// Every event in `bytes`: numbers of the records sent, and how many were reported lost.
    fn hear(bytes: &[u8]) -> (Vec<u64>, u64) {
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        let (mut told, mut lost) = (Vec::new(), 0);
        for &byte in bytes {
            match splitter.feed(byte) {
                Some(Split::Frame(frame)) => match Event::decode(&frame).unwrap() {
                    Event::Faults(batch) => told.extend(batch.map(|(sequence, fault)| {
                        assert_eq!(fault.va, sequence * 4096);
                        sequence
                    })),
                    Event::Lost { count } => lost += count,
                    _ => {}
                },
                Some(Split::Bad(_)) => panic!("a bad frame"),
                _ => {}
            }
        }
        (told, lost)
    }

    #[test]
    fn told_and_lost_make_up_all_that_happened() {
        let mut log = Log::new(vec![Fault::EMPTY; 64].leak());
        let (mut report, mut out) = (Report::EMPTY, Outgoing::EMPTY);
        let mut line = Vec::new();
        report.greet(0);
        for sequence in 0..500 {
            log.push(&fault(sequence * 4096));
            // A line that now and then keeps up, and then does not for a while.
            if sequence % 100 < 30 {
                report.make(&log, BOARD, &mut out);
                line.extend_from_slice(out.rest());
                out.sent(out.rest().len());
            }
        }
        while report.has_more(&log) || !out.rest().is_empty() {
            report.make(&log, BOARD, &mut out);
            line.extend_from_slice(out.rest());
            out.sent(out.rest().len());
        }
        let (told, lost) = hear(&line);
        assert_eq!(told.len() as u64 + lost, 500);
        assert!(lost > 0 && told.is_sorted());
    }

    #[test]
    fn a_host_that_comes_back_gets_all_that_is_kept() {
        let mut log = Log::new(vec![Fault::EMPTY; 8].leak());
        let (mut report, mut out) = (Report::EMPTY, Outgoing::EMPTY);
        let mut tell = |report: &mut Report, log: &Log| {
            let mut line = Vec::new();
            report.greet(0);
            while report.has_more(log) || !out.rest().is_empty() {
                report.make(log, BOARD, &mut out);
                line.extend_from_slice(out.rest());
                out.sent(out.rest().len());
            }
            hear(&line)
        };
        for sequence in 0..6 {
            log.push(&fault(sequence * 4096));
        }
        assert_eq!(tell(&mut report, &log), ((0..6).collect(), 0));
        for sequence in 6..11 {
            log.push(&fault(sequence * 4096));
        }
        assert_eq!(tell(&mut report, &log), ((3..11).collect(), 0));
    }

    #[test]
    fn a_run_of_touches_costs_at_most_16_bytes_a_record() {
        let mut log = Log::new(vec![Fault::EMPTY; 4096].leak());
        for n in 0..4000 {
            log.push(&Fault {
                time: 1_000_000 + n * 37,
                epc: 0x1_0456,
                cost: 800,
                ..fault(n * 4096)
            });
        }
        let (mut report, mut out, mut bytes) = (Report::EMPTY, Outgoing::EMPTY, 0);
        while report.has_more(&log) {
            report.make(&log, BOARD, &mut out);
            bytes += out.rest().len();
            out.sent(out.rest().len());
        }
        assert!(bytes <= 16 * 4000, "{bytes} bytes for 4000 records");
    }
}
