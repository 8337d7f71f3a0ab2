//! The ledger of faults: their order, their boots, and the gaps in their numbers.
//!
//! Every view reads one ledger, so `faults`, `dash`, `record` and the charts agree on each recording. A board
//! numbers its faults from 0 at boot, and does not reuse a number within one boot. The number of an arriving
//! fault has one of four meanings:
//!
//! ```text
//! number           compared with the ledger     meaning
//! next or higher   -                            the next fault; numbers in between are lost
//! lower            same number, same fault      received again: printed and sent, or replayed
//! lower            same number, other fault     the board has rebooted
//! lower            number not received          late, if its time fits between its neighbours;
//!                                               otherwise the board has rebooted
//! ```
//!
//! Time does not go back within a boot. A fault with an earlier time means a reboot, numbered or not.

use std::collections::VecDeque;

use abi::{Fault, Sighting};

use numbers::Numbers;

mod numbers;

/// Records of several harts may be slightly out of order in time. A reboot takes longer than this: the
/// firmware alone does.
const JITTER_US: u64 = 1_000;

/// A fault in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// Order of arrival, from 1, without gaps.
    pub id: u64,
    /// Number of the boot, from 0.
    pub boot: u32,
    /// The fault record, with number and time where known.
    pub sighting: Sighting,
}

/// Meaning of a fault's number and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The next fault, possibly after lost ones.
    Next,
    /// A repetition of this row; `None` if the row is no longer kept.
    Again(Option<u64>),
    /// A fault that was counted as lost.
    Late,
    /// The first fault of the next boot.
    AnotherBoot,
}

/// All faults of a recording or session, in order of arrival.
#[derive(Default)]
pub struct Ledger {
    rows: VecDeque<LedgerRow>,
    /// Maximum number of rows; the oldest are dropped first.
    capacity: Option<usize>,
    boot: u32,
    /// One above the highest number of this boot.
    next_seq: Option<u64>,
    /// Row id for each number of this boot that is still kept.
    numbered: Numbers,
    /// Whether a numbered row of this boot was dropped.
    has_forgotten: bool,
    /// Time of the last unnumbered fault of this boot, in microseconds.
    unnumbered_us: Option<u64>,
    received: u64,
    lost: u64,
    repeated: u64,
    overwritten: u64,
}

impl Ledger {
    /// A ledger that keeps the last `capacity` rows; counts include dropped rows.
    pub fn bounded(capacity: usize) -> Ledger {
        Ledger {
            capacity: Some(capacity.max(1)),
            ..Ledger::default()
        }
    }

    /// Adds a fault; returns false for a repetition.
    pub fn add(&mut self, sighting: Sighting) -> bool {
        match self.verdict(&sighting) {
            Verdict::Next => {
                let next = self.next_seq.zip(sighting.seq);
                let gap = next.map_or(0, |(next, seq)| seq - next);
                self.lost = self.lost.saturating_add(gap);
            }
            Verdict::Again(id) => {
                self.repeated += 1;
                self.complete(id, &sighting);
                return false;
            }
            Verdict::Late => self.lost = self.lost.saturating_sub(1),
            Verdict::AnotherBoot => {
                self.boot += 1;
                self.next_seq = None;
                self.numbered.clear();
                self.has_forgotten = false;
                self.unnumbered_us = None;
            }
        }
        self.received += 1;
        match sighting.seq {
            Some(seq) => {
                self.next_seq = self.next_seq.max(Some(seq.saturating_add(1)));
                self.numbered.insert(seq, self.received);
            }
            None => self.unnumbered_us = sighting.time_us.or(self.unnumbered_us),
        }
        self.keep(LedgerRow {
            id: self.received,
            boot: self.boot,
            sighting,
        });
        true
    }

    /// Adds records that the board reports as overwritten before they were sent.
    pub fn add_overwritten(&mut self, count: u64) {
        self.overwritten = self.overwritten.saturating_add(count);
    }

    fn verdict(&self, sighting: &Sighting) -> Verdict {
        let Some(seq) = sighting.seq else {
            return match is_before(sighting.time_us, self.unnumbered_us) {
                true => Verdict::AnotherBoot,
                false => Verdict::Next,
            };
        };
        if let Some(id) = self.numbered.get(seq) {
            let same = self
                .row(id)
                .is_some_and(|row| is_same(&row.sighting, sighting));
            return match same {
                true => Verdict::Again(Some(id)),
                false => Verdict::AnotherBoot,
            };
        }
        let time_of = |id: u64| self.row(id).and_then(|row| row.sighting.time_us);
        let (below, above) = self.numbered.around(seq);
        let is_late_in_time = above.is_some_and(|id| is_before(time_of(id), sighting.time_us));
        let falls_back = below.is_some_and(|id| is_before(sighting.time_us, time_of(id)));
        match (self.next_seq.is_some_and(|next| seq < next), below) {
            _ if falls_back || is_late_in_time => Verdict::AnotherBoot,
            (false, _) => Verdict::Next,
            (true, Some(_)) => Verdict::Late,
            // Below every kept number: a repetition, if rows were dropped.
            (true, None) if self.has_forgotten => Verdict::Again(None),
            (true, None) => Verdict::AnotherBoot,
        }
    }

    /// Fills in fields that a frame has and a text line does not, for a row that a text line created.
    fn complete(&mut self, id: Option<u64>, sighting: &Sighting) {
        let place = id.and_then(|id| self.place(id));
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place))
            && row.sighting.fault.satp == 0
        {
            row.sighting.fault = sighting.fault;
            row.sighting.time_us = row.sighting.time_us.or(sighting.time_us);
        }
    }

    fn keep(&mut self, row: LedgerRow) {
        if self
            .capacity
            .is_some_and(|capacity| self.rows.len() == capacity)
            && let Some(oldest) = self.rows.pop_front()
        {
            self.forget(&oldest);
        }
        self.rows.push_back(row);
    }

    /// Removes and returns the oldest row if more than `most` are kept; counts stay.
    pub fn pop_over(&mut self, most: usize) -> Option<LedgerRow> {
        if self.rows.len() <= most {
            return None;
        }
        let oldest = self.rows.pop_front()?;
        self.forget(&oldest);
        Some(oldest)
    }

    fn forget(&mut self, oldest: &LedgerRow) {
        if let Some(seq) = oldest.sighting.seq
            && oldest.boot == self.boot
        {
            self.numbered.remove(seq);
            self.has_forgotten = true;
        }
    }

    /// Index of a row among the kept rows.
    fn place(&self, id: u64) -> Option<usize> {
        let first = self.rows.front()?.id;
        usize::try_from(id.checked_sub(first)?).ok()
    }

    fn row(&self, id: u64) -> Option<&LedgerRow> {
        self.rows.get(self.place(id)?)
    }

    /// The kept rows in order of arrival.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &LedgerRow> + ExactSizeIterator {
        self.rows.iter()
    }

    /// The kept rows from id `id`, oldest first.
    pub fn rows_from(&self, id: u64) -> impl DoubleEndedIterator<Item = &LedgerRow> {
        let from = self.rows.partition_point(|row| row.id < id);
        self.rows.range(from..)
    }

    /// The newest row; `None` before the first fault.
    pub fn last(&self) -> Option<&LedgerRow> {
        self.rows.back()
    }

    /// All kept rows in the order they happened: by boot, then by number if every fault of the boot has one.
    /// A text line may arrive before the frame of an earlier fault.
    pub fn into_rows_in_order(self) -> Vec<LedgerRow> {
        let mut rows = Vec::from(self.rows);
        for boot in rows.chunk_by_mut(|a, b| a.boot == b.boot) {
            if boot.iter().all(|row| row.sighting.seq.is_some()) {
                boot.sort_by_key(|row| row.sighting.seq);
            }
        }
        rows
    }

    /// Number of distinct faults that arrived.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Number of faults that never arrived, from the gaps in the numbers of all boots.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Number of faults that arrived more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Number of records that the board reports as overwritten in its ring.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// Number of boots, at least 1.
    pub fn boots(&self) -> u32 {
        self.boot + 1
    }
}

/// Whether the first time is earlier by more than the harts' jitter; an unknown time is never earlier.
fn is_before(first: Option<u64>, second: Option<u64>) -> bool {
    first
        .zip(second)
        .is_some_and(|(first, second)| first.saturating_add(JITTER_US) < second)
}

/// Whether both records describe one fault. Only frames contain clock ticks, so times are compared in
/// microseconds, and only if both are known.
fn is_same(one: &Sighting, other: &Sighting) -> bool {
    let key = |fault: &Fault| (fault.epc, fault.va, fault.cause, fault.task);
    let times = one.time_us.zip(other.time_us);
    key(&one.fault) == key(&other.fault) && times.is_none_or(|(one, other)| one == other)
}

#[cfg(test)]
mod tests {
    use abi::Cause;

    use super::*;

    fn sighting(seq: impl Into<Option<u64>>, time_us: impl Into<Option<u64>>, va: u64) -> Sighting {
        Sighting {
            seq: seq.into(),
            time_us: time_us.into(),
            fault: Fault {
                cause: Cause::LoadPageFault.number(),
                va,
                task: 2,
                ..Fault::EMPTY
            },
        }
    }

    /// Builds a ledger from (number, time in milliseconds, page).
    fn ledger_of(faults: &[(u64, u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for (seq, time_ms, page) in faults {
            ledger.add(sighting(*seq, time_ms * 1000, page << 12));
        }
        ledger
    }

    fn boots_and_numbers(ledger: Ledger) -> Vec<(u32, u64)> {
        let rows = ledger.into_rows_in_order();
        let pair = |row: &LedgerRow| (row.boot, row.sighting.seq.unwrap());
        rows.iter().map(pair).collect()
    }

    #[test]
    fn a_reboot_with_numbers_that_were_not_seen_before_is_another_boot() {
        // The recording starts in the middle of a boot, so number 0 is not in it.
        let ledger = ledger_of(&[(100, 900, 1), (102, 910, 2), (0, 10, 3), (1, 11, 4)]);
        assert_eq!((ledger.boots(), ledger.lost()), (2, 1));
        assert_eq!(
            boots_and_numbers(ledger),
            [(0, 100), (0, 102), (1, 0), (1, 1)]
        );
    }

    #[test]
    fn a_number_that_comes_again_with_another_fault_is_another_boot() {
        let ledger = ledger_of(&[(0, 1, 1), (1, 2, 2), (0, 1, 9), (1, 2, 2)]);
        assert_eq!((ledger.boots(), ledger.lost()), (2, 0));
        assert_eq!((ledger.received(), ledger.repeated()), (4, 0));
    }

    #[test]
    fn a_reboot_whose_first_numbers_are_lost_is_known_by_its_time() {
        let ledger = ledger_of(&[(0, 500, 1), (1, 501, 2), (7, 40, 3), (8, 41, 4)]);
        assert_eq!((ledger.boots(), ledger.lost()), (2, 0));
        // The number fits between two of the previous boot, the time is long before them.
        let ledger = ledger_of(&[(3, 500, 1), (10, 510, 2), (5, 40, 3)]);
        assert_eq!((ledger.boots(), ledger.lost()), (2, 6));
    }

    #[test]
    fn three_boots_each_with_a_gap() {
        let boot = |page| [(0, 10, page), (1, 20, page), (4, 30, page)];
        let ledger = ledger_of(&[boot(1), boot(2), boot(3)].concat());
        assert_eq!((ledger.boots(), ledger.lost()), (3, 6));
        assert_eq!((ledger.received(), ledger.repeated()), (9, 0));
    }

    #[test]
    fn a_replay_of_all_is_counted_once_and_fills_no_gap() {
        let mut ledger = ledger_of(&[(0, 1, 1), (1, 2, 2), (4, 5, 3)]);
        for (seq, time_ms, page) in [(0, 1, 1), (1, 2, 2), (4, 5, 3)] {
            assert!(!ledger.add(sighting(seq, time_ms * 1000, page << 12)));
        }
        assert_eq!((ledger.boots(), ledger.lost()), (1, 2));
        assert_eq!((ledger.received(), ledger.repeated()), (3, 3));
    }

    #[test]
    fn a_late_fault_is_no_longer_lost_and_stands_in_order() {
        let ledger = ledger_of(&[(1, 2, 2), (4, 5, 5), (2, 3, 3)]);
        assert_eq!((ledger.boots(), ledger.lost()), (1, 1));
        assert_eq!(boots_and_numbers(ledger), [(0, 1), (0, 2), (0, 4)]);
    }

    #[test]
    fn a_frame_completes_the_line_of_text_that_came_before_it() {
        let text = sighting(7, 5, 0x1000);
        let mut frame = text;
        (frame.fault.satp, frame.fault.time) = (8 << 60, 99);
        let mut ledger = Ledger::default();
        assert!(ledger.add(text) && !ledger.add(frame));
        assert_eq!(ledger.last().unwrap().sighting, frame);
        // A text line after its frame removes no fields.
        assert!(!ledger.add(text));
        assert_eq!(ledger.last().unwrap().sighting, frame);
    }

    #[test]
    fn a_log_without_numbers_has_booted_again_where_its_time_falls_back() {
        let mut ledger = Ledger::default();
        for time_us in [10_000, 20_000, 19_800, 9_000, 9_000] {
            ledger.add(sighting(None, time_us, 0x1000));
        }
        ledger.add(sighting(None, None, 0x1000));
        assert_eq!((ledger.boots(), ledger.received()), (2, 6));
    }

    #[test]
    fn rows_are_bounded_and_numbered_without_gaps() {
        let mut ledger = Ledger::bounded(100);
        for seq in 0..110 {
            ledger.add(sighting(seq, seq * 2000, seq << 12));
        }
        let ids: Vec<u64> = ledger.rows().map(|row| row.id).collect();
        assert_eq!((ids.len(), ids[0], ids[99]), (100, 11, 110));
        assert_eq!(ledger.rows_from(109).count(), 2);
        // A dropped row that is repeated does not count as a reboot.
        assert!(!ledger.add(sighting(3, 6000, 3 << 12)));
        assert_eq!((ledger.boots(), ledger.repeated()), (1, 1));
    }

    #[test]
    fn the_highest_numbers_do_not_overflow() {
        let last = u64::MAX;
        let ledger = ledger_of(&[(0, 1, 1), (last, 2, 2), (last, 2, 2), (1, 1, 3)]);
        assert_eq!((ledger.boots(), ledger.repeated()), (1, 1));
        assert_eq!(ledger.lost(), last - 2);
    }
}
