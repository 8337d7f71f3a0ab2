//! From the fault log to frames on the wire: batched, and gaps counted.

use wire::{BatchWriter, Event, Welcome};

use crate::fault::Log;

/// A batch is closed when no further record fits; its frame is this long at most.
const PAYLOAD: usize = 240;
/// The largest frame that is made here.
const FRAME: usize = wire::frame::encoded_bytes(PAYLOAD);
/// Records that are worth a frame while the hart has something better to do.
const WORTHWHILE: u64 = 12;

/// Frames that tell the desk of faults: one at a time is made, then sent byte by byte.
pub struct Report {
    frame: [u8; FRAME],
    used: usize,
    at: usize,
    sequence: u16,
    owes_greeting: bool,
    /// Sequence number of the next record to send.
    next: u64,
}

impl Report {
    /// Nothing said yet.
    pub const EMPTY: Report = Report {
        frame: [0; FRAME],
        used: 0,
        at: 0,
        sequence: 0,
        owes_greeting: false,
        next: 0,
    };

    /// Greets the desk next, then tells it of faults from the oldest that is kept: a desk
    /// that says hello again wants to hear what it missed.
    pub fn greet(&mut self, log: &Log) {
        self.owes_greeting = true;
        self.next = self.next.min(log.oldest());
    }

    /// What is left to send of the frame in the making.
    pub fn rest(&self) -> &[u8] {
        &self.frame[self.at..self.used]
    }

    /// That many bytes of it are sent.
    pub fn sent(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.used);
    }

    /// Are there enough new records for a frame?
    #[inline]
    pub fn is_worthwhile(&self, log: &Log) -> bool {
        log.next() - self.next >= WORTHWHILE
    }

    /// Is there anything to tell?
    pub fn has_more(&self, log: &Log) -> bool {
        self.owes_greeting || log.next() > self.next
    }

    /// Makes the next frame, if the last one is sent and there is something to tell. A
    /// greeting gives the board's name and the ticks in a second.
    pub fn make(&mut self, log: &Log, (board, ticks_per_second): (&str, u64)) {
        if self.at < self.used || !self.has_more(log) {
            return;
        }
        let sequence = self.number();
        self.at = 0;
        if core::mem::take(&mut self.owes_greeting) {
            let welcome = Welcome {
                version: wire::VERSION,
                ticks_per_second,
                xlen: usize::BITS,
                board,
            };
            // A board's name is a few letters; one too long would only cost the greeting.
            self.used = welcome.encode(sequence, &mut self.frame).unwrap_or(0);
            return;
        }
        let forgotten = log.oldest().saturating_sub(self.next);
        if forgotten > 0 {
            self.next = log.oldest();
            self.used = Event::encode_lost(forgotten, sequence, &mut self.frame).unwrap_or(0);
            return;
        }
        let mut batch = BatchWriter::<PAYLOAD>::new(self.next);
        while let Some(fault) = log.get(self.next)
            && batch.push(fault)
        {
            self.next += 1;
        }
        self.used = batch.encode(sequence, &mut self.frame).unwrap_or(0);
    }

    fn number(&mut self) -> u16 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }
}

#[cfg(test)]
mod tests {
    use abi::Fault;
    use wire::{Heard, Splitter};

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

    /// Every event in `bytes`: numbers of the records told, and how many were said to be lost.
    fn hear(bytes: &[u8]) -> (Vec<u64>, u64) {
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        let (mut told, mut lost) = (Vec::new(), 0);
        for &byte in bytes {
            match splitter.feed(byte) {
                Some(Heard::Frame(frame)) => match Event::decode(&frame).unwrap() {
                    Event::Faults(batch) => told.extend(batch.map(|(sequence, fault)| {
                        assert_eq!(fault.va, sequence * 4096);
                        sequence
                    })),
                    Event::Lost { count } => lost += count,
                    _ => {}
                },
                Some(Heard::Bad(_)) => panic!("a bad frame"),
                _ => {}
            }
        }
        (told, lost)
    }

    #[test]
    fn told_and_lost_make_up_all_that_happened() {
        let mut log = Log::new(vec![Fault::EMPTY; 64].leak());
        let mut report = Report::EMPTY;
        let mut line = Vec::new();
        report.greet(&log);
        for sequence in 0..500 {
            log.push(&fault(sequence * 4096));
            // A line that now and then keeps up, and then does not for a while.
            if sequence % 100 < 30 {
                report.make(&log, BOARD);
                line.extend_from_slice(report.rest());
                report.sent(report.rest().len());
            }
        }
        while report.has_more(&log) || !report.rest().is_empty() {
            report.make(&log, BOARD);
            line.extend_from_slice(report.rest());
            report.sent(report.rest().len());
        }
        let (told, lost) = hear(&line);
        assert_eq!(told.len() as u64 + lost, 500);
        assert!(lost > 0 && told.is_sorted());
    }

    #[test]
    fn a_desk_that_comes_back_is_told_all_that_is_kept() {
        let mut log = Log::new(vec![Fault::EMPTY; 8].leak());
        let mut report = Report::EMPTY;
        let tell = |report: &mut Report, log: &Log| {
            let mut line = Vec::new();
            report.greet(log);
            while report.has_more(log) || !report.rest().is_empty() {
                report.make(log, BOARD);
                line.extend_from_slice(report.rest());
                report.sent(report.rest().len());
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
        let (mut report, mut bytes) = (Report::EMPTY, 0);
        while report.has_more(&log) {
            report.make(&log, BOARD);
            bytes += report.rest().len();
            report.sent(report.rest().len());
        }
        assert!(bytes <= 16 * 4000, "{bytes} bytes for 4000 records");
    }
}
