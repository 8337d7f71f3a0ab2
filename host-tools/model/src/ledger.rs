//! The ledger of faults: their order, the boots they belong to, and the gaps between them.
//!
//! Everything that shows faults reads one of these, so `faults`, `dash`, `record` and the charts
//! agree on every recording. A board numbers its faults from 0 at boot, and a number is never
//! reused within one boot. So the number of each fault that arrives says one of four things:
//!
//! ```text
//! number           what is known of it           meaning
//! next or higher   -                             the next one; numbers in between are lost
//! lower            same number, same fault       received again: printed and sent, or replayed
//! lower            same number, another fault    the board has booted again
//! lower            number not seen               late, if its time fits between its neighbours;
//!                                                else the board has booted again
//! ```
//!
//! Time runs forward within a boot. Where it falls back, the board has booted again, whether it
//! numbers its faults or not.

use std::collections::{BTreeMap, VecDeque};

use abi::{Fault, Sighting};

/// Records of several harts may be a little out of order in time, never by as much as a reboot
/// takes: the firmware alone needs longer.
const JITTER_US: u64 = 1_000;

/// A fault that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LedgerRow {
    /// 1 for the first that arrived; without gaps.
    pub id: u64,
    /// Which boot of the board it happened in, from 0.
    pub boot: u32,
    /// The fault.
    pub sighting: Sighting,
}

/// What a fault's number and time say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It follows the last one, or comes after some that were lost.
    Next,
    /// It has this row already; `None` where that row is no longer kept.
    Again(Option<u64>),
    /// It was taken for lost, and has arrived after all.
    Late,
    /// It belongs to the next boot.
    AnotherBoot,
}

/// Faults in the order they arrived.
#[derive(Default)]
pub struct Ledger {
    rows: VecDeque<LedgerRow>,
    /// Rows that are kept at most; the oldest go first.
    capacity: Option<usize>,
    boot: u32,
    /// One above the highest number of this boot.
    next_seq: Option<u64>,
    /// Number and row of each fault of this boot that is kept.
    numbered: BTreeMap<u64, u64>,
    /// A numbered row of this boot is no longer kept.
    has_forgotten: bool,
    /// When the last unnumbered fault of this boot happened.
    unnumbered_us: Option<u64>,
    received: u64,
    lost: u64,
    repeated: u64,
    overwritten: u64,
}

impl Ledger {
    /// A ledger that keeps the last `capacity` rows; its counts go on.
    pub fn bounded(capacity: usize) -> Ledger {
        Ledger {
            capacity: Some(capacity.max(1)),
            ..Ledger::default()
        }
    }

    /// Adds a fault; false if it was received before.
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

    /// The board said that it overwrote so many records before it could send them.
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
        if let Some(id) = self.numbered.get(&seq) {
            let same = self
                .row(*id)
                .is_some_and(|row| is_same(&row.sighting, sighting));
            return match same {
                true => Verdict::Again(Some(*id)),
                false => Verdict::AnotherBoot,
            };
        }
        let time_of = |id: &u64| self.row(*id).and_then(|row| row.sighting.time_us);
        let below = self.numbered.range(..seq).next_back();
        let above = self.numbered.range(seq..).next();
        let is_late_in_time = above.is_some_and(|(_, id)| is_before(time_of(id), sighting.time_us));
        let falls_back = below.is_some_and(|(_, id)| is_before(sighting.time_us, time_of(id)));
        match (self.next_seq.is_some_and(|next| seq < next), below) {
            _ if falls_back || is_late_in_time => Verdict::AnotherBoot,
            (false, _) => Verdict::Next,
            (true, Some(_)) => Verdict::Late,
            // Numbers below all that are kept: received before, if any were forgotten since.
            (true, None) if self.has_forgotten => Verdict::Again(None),
            (true, None) => Verdict::AnotherBoot,
        }
    }

    /// A frame holds more than a line of text: it completes the row that the line made.
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

    /// The oldest row, if more than so many are kept: it is kept no more. Counts go on.
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
            self.numbered.remove(&seq);
            self.has_forgotten = true;
        }
    }

    /// Where a row is among those that are kept.
    fn place(&self, id: u64) -> Option<usize> {
        let first = self.rows.front()?.id;
        usize::try_from(id.checked_sub(first)?).ok()
    }

    fn row(&self, id: u64) -> Option<&LedgerRow> {
        self.rows.get(self.place(id)?)
    }

    /// The rows that are kept, in the order they arrived.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &LedgerRow> + ExactSizeIterator {
        self.rows.iter()
    }

    /// The kept rows from number `id` on, oldest first.
    pub fn rows_from(&self, id: u64) -> impl DoubleEndedIterator<Item = &LedgerRow> {
        let from = self.rows.partition_point(|row| row.id < id);
        self.rows.range(from..)
    }

    /// The newest row.
    pub fn last(&self) -> Option<&LedgerRow> {
        self.rows.back()
    }

    /// All kept rows in the order they happened: by boot, and by number where every fault of that
    /// boot has one. A line of text may arrive before the frame of an earlier fault.
    pub fn into_rows_in_order(self) -> Vec<LedgerRow> {
        let mut rows = Vec::from(self.rows);
        for boot in rows.chunk_by_mut(|a, b| a.boot == b.boot) {
            if boot.iter().all(|row| row.sighting.seq.is_some()) {
                boot.sort_by_key(|row| row.sighting.seq);
            }
        }
        rows
    }

    /// Faults that arrived, each once.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Numbers that never arrived between those that did, of all boots.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Faults that arrived more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Faults that the board says it overwrote in its ring.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// How many boots there were: at least 1.
    pub fn boots(&self) -> u32 {
        self.boot + 1
    }
}

/// Whether the first time is earlier than the second by more than harts differ; unknown times are
/// not earlier.
fn is_before(first: Option<u64>, second: Option<u64>) -> bool {
    first
        .zip(second)
        .is_some_and(|(first, second)| first.saturating_add(JITTER_US) < second)
}

/// Whether both are one fault. The clock's ticks are known to frames only, so times are compared
/// in microseconds, and only where both have one.
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

    /// Each fault: number, time in milliseconds, page.
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
        // The recording begins in the middle of a boot: number 0 was never in it.
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
        // A number between two of the boot before, at a time long before them.
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
        // A line that comes behind its frame takes nothing away.
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
        // One that is forgotten and comes again is no other boot.
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
