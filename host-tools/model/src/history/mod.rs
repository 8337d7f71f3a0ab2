//! Every fault of a session in compact rows, on one axis of time.
//!
//! The clock of a board starts again at each boot. The axis of a session does not: a boot begins one second
//! behind the end of the boot before it, so a span on the axis names faults without naming their boot.
//!
//! ```text
//! board's clock  0 ──── 7.2 s | 0 ──── 3.1 s | 0 ── …
//! session axis   0 ──── 7.2 s   8.2 ─ 11.3 s   12.3 …
//! ```
//! A fault whose time is not known stands where the one before it stood.

mod costs;
mod filter;
mod heat;
mod kinds;
mod notes;
mod pages;
mod span;
mod summary;

use std::collections::{VecDeque, vec_deque};
use std::vec;

use abi::{Fault, Outcome, Sighting};

use crate::ledger::LedgerRow;

pub use costs::CostFigures;
pub use filter::{FaultFilter, FilterError, TaskNames};
pub use heat::{HeatAcross, HeatMap};
pub use notes::{BoardTime, HistoryNote};
pub use span::TimeSpan;
pub use summary::{Bins, FaultGroup, GroupBy, GroupCount, SpanSummary, SummaryOptions};

/// Number of rows kept: 2^20, of 64 bytes each.
pub const ROWS: usize = 1 << 20;
/// Number of refused faults kept, however old they are.
const REFUSED: usize = 4096;
/// Number of marks kept.
const MARKS: usize = 4096;
/// From the end of one boot to the beginning of the next, in microseconds of the axis.
const BOOT_GAP_US: u64 = 1_000_000;

/// A fault, without what can be computed again: 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryRow {
    /// Position on the session axis, in microseconds.
    pub at_us: u64,
    va: u64,
    epc: u64,
    entry: u64,
    seq: u64,
    cost: u32,
    frame: u32,
    task: u16,
    hart: u16,
    boot: u16,
    satp: u16,
    cause: u8,
    access: u8,
    level: u8,
    source: u8,
    class: u8,
    outcome: u8,
    has_seq: bool,
    has_time: bool,
}

const _: () = assert!(size_of::<HistoryRow>() == 64);

impl HistoryRow {
    /// The record. Its clock ticks are not kept; [`FaultHistory::row`] knows the time.
    pub fn fault(&self) -> Fault {
        Fault {
            epc: self.epc,
            va: self.va,
            entry: self.entry,
            frame: self.frame,
            cost: self.cost,
            task: self.task,
            cause: self.cause,
            access: self.access,
            level: self.level,
            source: self.source,
            class: self.class,
            outcome: self.outcome,
            hart: self.hart,
            ..Fault::EMPTY
        }
    }

    /// First address of the page, where the cause has one.
    pub fn page(&self) -> Option<u64> {
        self.fault()
            .cause()
            .has_address()
            .then_some(self.va & !0xfff)
    }

    /// Instructions that it took; `None` where it was not measured.
    pub fn cost(&self) -> Option<u32> {
        Some(self.cost).filter(|cost| *cost != Fault::NO_COST)
    }

    /// Whether it ended its task.
    pub fn is_refusal(&self) -> bool {
        self.fault().outcome().is_refusal()
    }

    /// Whether `next` differs from this one in time, cost, frame and number at most.
    pub fn is_like(&self, next: &HistoryRow) -> bool {
        let key = |row: &HistoryRow| {
            (
                row.va & !0xfff,
                row.epc,
                row.task,
                row.cause,
                row.outcome,
                row.boot,
            )
        };
        key(self) == key(next)
    }
}

/// What happened at a point of the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Position on the session axis, in microseconds.
    pub at_us: u64,
    /// What it was.
    pub kind: MarkKind,
}

/// What a mark is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A boot begins; its number, from 0.
    Boot(u32),
    /// So many faults before this point did not arrive.
    Lost(u64),
}

/// The kept faults, oldest first.
#[derive(Debug, Default)]
pub struct FaultHistory {
    rows: VecDeque<HistoryRow>,
    /// Id of the first kept row; ids count from 1.
    first_id: u64,
    /// Refused faults with their ids: kept when the rows around them are not.
    refused: VecDeque<(u64, HistoryRow)>,
    marks: VecDeque<Mark>,
    notes: VecDeque<HistoryNote>,
    /// Begin of each boot on the axis.
    bases: Vec<u64>,
    /// Values of `satp`, by the number that rows hold.
    roots: Vec<u64>,
    end_us: u64,
    lost: u64,
    has_times: bool,
    /// Whether a row stands before one that was raised earlier: a fault that came late.
    is_unordered: bool,
}

impl FaultHistory {
    /// Adds a fault that the ledger has taken as new; `lost` is the ledger's count after it.
    pub fn push(&mut self, row: &LedgerRow, lost: u64) {
        let Sighting {
            seq,
            time_us,
            fault,
        } = row.sighting;
        while self.bases.len() <= row.boot as usize {
            let base = match self.bases.is_empty() {
                true => 0,
                false => self.end_us.saturating_add(BOOT_GAP_US),
            };
            self.mark(base, MarkKind::Boot(self.bases.len() as u32));
            self.bases.push(base);
            self.end_us = base;
        }
        let base = self.bases[row.boot as usize];
        let at_us = time_us.map_or(self.end_us, |time| base.saturating_add(time));
        self.has_times |= time_us.is_some();
        if lost > self.lost {
            self.mark(at_us, MarkKind::Lost(lost - self.lost));
        }
        self.lost = lost;
        self.end_us = self.end_us.max(at_us);
        let kept = HistoryRow {
            at_us,
            va: fault.va,
            epc: fault.epc,
            entry: fault.entry,
            seq: seq.unwrap_or(0),
            cost: fault.cost,
            frame: fault.frame,
            task: fault.task,
            hart: fault.hart,
            boot: row.boot.try_into().unwrap_or(u16::MAX),
            satp: self.root(fault.satp),
            cause: fault.cause,
            access: fault.access,
            level: fault.level,
            source: fault.source,
            class: fault.class,
            outcome: fault.outcome,
            has_seq: seq.is_some(),
            has_time: time_us.is_some(),
        };
        if self.rows.len() == ROWS {
            self.rows.pop_front();
            self.first_id += 1;
        }
        if self.rows.is_empty() {
            self.first_id = row.id;
        }
        if Outcome::decode(fault.outcome).is_refusal() {
            if self.refused.len() == REFUSED {
                self.refused.pop_front();
            }
            self.refused.push_back((row.id, kept));
        }
        self.is_unordered |= self.rows.back().is_some_and(|it| it.at_us > at_us);
        self.rows.push_back(kept);
    }

    fn mark(&mut self, at_us: u64, kind: MarkKind) {
        if self.marks.len() == MARKS {
            self.marks.pop_front();
        }
        self.marks.push_back(Mark { at_us, kind });
    }

    /// The number of a `satp` in the table; 0 for 0. Beyond 65,535 different ones it is not kept.
    fn root(&mut self, satp: u64) -> u16 {
        if satp == 0 {
            return 0;
        }
        // What came last comes next, mostly.
        let known = self.roots.iter().rposition(|it| *it == satp);
        let place = known.unwrap_or_else(|| {
            if self.roots.len() < usize::from(u16::MAX) {
                self.roots.push(satp);
            }
            self.roots.len() - 1
        });
        (place + 1) as u16
    }

    /// The kept rows with their ids, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = (u64, &HistoryRow)> + ExactSizeIterator {
        let first = self.first_id;
        self.rows
            .iter()
            .enumerate()
            .map(move |(place, row)| (first + place as u64, row))
    }

    /// The kept rows of a span, in order of time.
    fn rows_of(&self, span: TimeSpan) -> impl ExactSizeIterator<Item = &HistoryRow> {
        let within = |row: &&HistoryRow| span.contains(row.at_us);
        if self.is_unordered {
            let mut chosen: Vec<&HistoryRow> = self.rows.iter().filter(within).collect();
            chosen.sort_by_key(|row| row.at_us);
            return RowsOfSpan::Chosen(chosen.into_iter());
        }
        let first = self.rows.partition_point(|row| row.at_us < span.from_us);
        let end = self.rows.partition_point(|row| row.at_us < span.end_us);
        RowsOfSpan::Run(self.rows.range(first..end.max(first)))
    }

    /// The row of an id: a kept one, or a refused one however old.
    pub fn get(&self, id: u64) -> Option<&HistoryRow> {
        let place = id.checked_sub(self.first_id);
        let kept = place.and_then(|place| self.rows.get(usize::try_from(place).ok()?));
        let old = || self.refused.iter().find(|(known, _)| *known == id);
        kept.or_else(|| old().map(|(_, row)| row))
    }

    /// Refused faults, each with its id, oldest first: the last 4,096, whatever else was dropped.
    pub fn refused(&self) -> impl DoubleEndedIterator<Item = (u64, &HistoryRow)> {
        self.refused.iter().map(|(id, row)| (*id, row))
    }

    /// Boots and losses, oldest first.
    pub fn marks(&self) -> impl Iterator<Item = &Mark> {
        self.marks.iter()
    }

    /// The fault as the ledger had it, except for its clock ticks.
    pub fn row(&self, id: u64, row: &HistoryRow) -> LedgerRow {
        let base = self.bases.get(usize::from(row.boot)).copied().unwrap_or(0);
        let satp = usize::from(row.satp).checked_sub(1);
        LedgerRow {
            id,
            boot: row.boot.into(),
            sighting: Sighting {
                seq: row.has_seq.then_some(row.seq),
                time_us: row.has_time.then(|| row.at_us - base),
                fault: Fault {
                    satp: satp.and_then(|at| self.roots.get(at).copied()).unwrap_or(0),
                    ..row.fault()
                },
            },
        }
    }

    /// From the first kept fault to the last.
    pub fn whole(&self) -> TimeSpan {
        let first = self.rows.front().map_or(0, |row| row.at_us);
        TimeSpan {
            from_us: first,
            end_us: self.end_us.max(first).saturating_add(1),
        }
    }

    /// Whether any fault has a time. Without one the axis has no extent.
    pub fn has_times(&self) -> bool {
        self.has_times
    }
}

/// Rows of a span: next to each other where they are in order of time.
enum RowsOfSpan<'a> {
    Run(vec_deque::Iter<'a, HistoryRow>),
    Chosen(vec::IntoIter<&'a HistoryRow>),
}

impl<'a> Iterator for RowsOfSpan<'a> {
    type Item = &'a HistoryRow;

    fn next(&mut self) -> Option<&'a HistoryRow> {
        match self {
            RowsOfSpan::Run(rows) => rows.next(),
            RowsOfSpan::Chosen(rows) => rows.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            RowsOfSpan::Run(rows) => rows.size_hint(),
            RowsOfSpan::Chosen(rows) => rows.size_hint(),
        }
    }

    /// Asks once which of both it is, and not for each row.
    fn fold<B, F: FnMut(B, &'a HistoryRow) -> B>(self, first: B, f: F) -> B {
        match self {
            RowsOfSpan::Run(rows) => rows.fold(first, f),
            RowsOfSpan::Chosen(rows) => rows.fold(first, f),
        }
    }
}

impl ExactSizeIterator for RowsOfSpan<'_> {}

#[cfg(test)]
pub(crate) mod tests {
    use abi::Cause;

    use super::*;
    use crate::ledger::Ledger;

    /// Faults as (number, time in microseconds, address, task, outcome, cost).
    pub(crate) type Raised = (u64, u64, u64, u16, Outcome, u32);

    pub(crate) fn history_of(faults: &[Raised]) -> FaultHistory {
        let (mut ledger, mut history) = (Ledger::bounded(100), FaultHistory::default());
        for &(seq, time_us, va, task, outcome, cost) in faults {
            let fault = Fault {
                cause: Cause::StorePageFault.number(),
                va,
                epc: 0x1_0000,
                task,
                cost,
                outcome: outcome.number(),
                satp: u64::from(task) << 8,
                ..Fault::EMPTY
            };
            let sighting = Sighting {
                seq: Some(seq),
                time_us: Some(time_us),
                fault,
            };
            if ledger.add(sighting) {
                history.push(ledger.last().unwrap(), ledger.lost());
            }
        }
        history
    }

    #[test]
    fn a_row_is_given_back_as_it_came() {
        let history = history_of(&[
            (0, 10, 0x1234, 2, Outcome::Zeroed, 82),
            (1, 20, 0x5678, 3, Outcome::NoRegion, 900),
        ]);
        let rows: Vec<LedgerRow> = history
            .rows()
            .map(|(id, row)| history.row(id, row))
            .collect();
        assert_eq!((rows[0].id, rows[1].id), (1, 2));
        assert_eq!(rows[1].sighting.seq, Some(1));
        assert_eq!(rows[1].sighting.time_us, Some(20));
        let fault = rows[1].sighting.fault;
        assert_eq!(
            (fault.va, fault.task, fault.cost, fault.satp),
            (0x5678, 3, 900, 3 << 8)
        );
        assert_eq!(fault.outcome(), Outcome::NoRegion);
        assert_eq!(history.refused().map(|(id, _)| id).collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn boots_follow_each_other_on_the_axis_and_losses_are_marked() {
        let history = history_of(&[
            (0, 7_000, 0x1000, 2, Outcome::Zeroed, 1),
            (3, 9_000, 0x2000, 2, Outcome::Zeroed, 1),
            (0, 500, 0x3000, 2, Outcome::Zeroed, 1),
        ]);
        let at: Vec<u64> = history.rows().map(|(_, row)| row.at_us).collect();
        assert_eq!(at, [7_000, 9_000, 1_009_500]);
        let marks: Vec<Mark> = history.marks().copied().collect();
        let mark = |at_us, kind| Mark { at_us, kind };
        assert_eq!(
            marks,
            [
                mark(0, MarkKind::Boot(0)),
                mark(9_000, MarkKind::Lost(2)),
                mark(1_009_000, MarkKind::Boot(1)),
            ]
        );
        let third = history.get(3).unwrap();
        assert_eq!(history.row(3, third).sighting.time_us, Some(500));
    }

    #[test]
    fn the_fault_that_killed_is_kept_when_its_neighbours_are_not() {
        let mut faults = vec![(0, 0, 0x8, 2, Outcome::NoRegion, 700)];
        faults
            .extend((1..=ROWS as u64 + 5).map(|seq| (seq, seq, seq << 12, 2, Outcome::Zeroed, 82)));
        let history = history_of(&faults);
        assert_eq!(history.rows().len(), ROWS);
        assert_eq!(history.rows().next().unwrap().0, 7);
        assert!(history.get(3).is_none(), "an ordinary one is dropped");
        assert_eq!(history.get(1).map(|row| row.va), Some(8));
    }
}
