//! A running board: recent faults, totals, tasks, address spaces.
//!
//! Memory is bounded: old rows are dropped, totals stay.

use std::collections::{BTreeMap, VecDeque};

use abi::{Cause, Sighting};

use crate::history::{BoardTime, FaultHistory, TaskNames};
use crate::ledger::{Ledger, LedgerRow};
use crate::tasks::KnownTasks;
use crate::{AddressSpace, TaskList};

/// Number of fault rows kept.
pub const ROWS: usize = 16_384;
/// Number of seconds with a fault count.
pub const SECONDS: usize = 600;
/// Number of text lines kept.
pub const LINES: usize = 200;

/// An event from the target or its line.
pub enum Update {
    /// The target identified itself.
    Board {
        /// Name of the board.
        name: String,
        /// Width of an address in bits.
        xlen: u32,
    },
    /// A fault record.
    Fault(Sighting),
    /// Frames that were sent and not received.
    Missed(u64),
    /// A line of console text.
    Text(String),
    /// The task table.
    Tasks(TaskList),
    /// Page tables of a task, by task id.
    Space(u64, Box<AddressSpace>),
    /// What could not be had, and why; it may be had later.
    Trouble(String),
    /// The line is there again: no trouble any more.
    Returned(String),
    /// The extents of RAM: first address and bytes of each.
    Ram(Vec<(u64, u64)>),
    /// A note that a person set.
    Note(BoardTime, String),
    /// The line has ended; where it should not have, why.
    Ended(Option<String>),
}

/// Faults of one second since boot, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Number of the boot, from 0.
    pub boot: u32,
    /// Second since boot, from 0.
    pub second: u64,
    /// Number of faults for each cause.
    pub counts: BTreeMap<Cause, u64>,
}

/// State of a running board, as dashboards show it.
pub struct Live {
    /// Name of the board and width of its addresses in bits; `None` until it identifies itself.
    pub board: Option<(String, u32)>,
    /// The task table as last reported.
    pub tasks: TaskList,
    /// Every task that was ever reported.
    pub known: KnownTasks,
    /// Every fault, for views of a span of time.
    pub history: FaultHistory,
    /// Page tables by task id.
    pub spaces: BTreeMap<u64, AddressSpace>,
    /// First address and bytes of each extent of RAM; empty until the board says so.
    pub ram: Vec<(u64, u64)>,
    /// The last [`LINES`] lines of text.
    pub text: VecDeque<String>,
    /// The last thing that could not be read.
    pub trouble: Option<String>,
    /// Whether the line was closed.
    pub ended: bool,
    ledger: Ledger,
    missed: u64,
    causes: BTreeMap<Cause, u64>,
    by_task: BTreeMap<u16, u64>,
    seconds: VecDeque<Second>,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            board: None,
            tasks: TaskList::default(),
            known: KnownTasks::default(),
            history: FaultHistory::default(),
            spaces: BTreeMap::new(),
            ram: Vec::new(),
            text: VecDeque::new(),
            trouble: None,
            ended: false,
            ledger: Ledger::bounded(ROWS),
            missed: 0,
            causes: BTreeMap::new(),
            by_task: BTreeMap::new(),
            seconds: VecDeque::new(),
        }
    }
}

impl Live {
    /// Applies an event.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Board { name, xlen } => self.board = Some((name, xlen)),
            Update::Fault(sighting) => self.fault(sighting),
            Update::Missed(frames) => self.missed += frames,
            Update::Text(line) => {
                if self.text.len() == LINES {
                    self.text.pop_front();
                }
                self.text.push_back(line);
            }
            Update::Tasks(tasks) => {
                self.trouble = None;
                self.spaces
                    .retain(|pid, _| tasks.0.iter().any(|task| task.pid == *pid));
                self.known.update(&tasks);
                self.tasks = tasks;
            }
            Update::Space(pid, space) => {
                self.spaces.insert(pid, *space);
            }
            Update::Trouble(what) => self.trouble = Some(what),
            Update::Returned(_) => self.trouble = None,
            Update::Ram(extents) => self.ram = extents,
            Update::Note(at, text) => self.history.note(at, &text),
            Update::Ended(trouble) => {
                self.ended = true;
                self.trouble = trouble.or(self.trouble.take());
            }
        }
    }

    fn fault(&mut self, sighting: Sighting) {
        if !self.ledger.add(sighting) {
            return;
        }
        if let Some(row) = self.ledger.last() {
            self.history.push(row, self.ledger.lost());
        }
        let (cause, task) = (sighting.fault.cause(), sighting.fault.task());
        *self.causes.entry(cause).or_default() += 1;
        if let Some(task) = task {
            *self.by_task.entry(task).or_default() += 1;
        }
        self.count(sighting.time_us, cause);
    }

    fn count(&mut self, time_us: Option<u64>, cause: Cause) {
        let last = self.seconds.back().map_or(0, |last| last.second);
        let second = time_us.map_or(last, |time| time / 1_000_000);
        let boot = self.ledger.boots() - 1;
        let key = (boot, second);
        let place = self
            .seconds
            .partition_point(|known| (known.boot, known.second) < key);
        let is_there = self
            .seconds
            .get(place)
            .is_some_and(|known| (known.boot, known.second) == key);
        if !is_there {
            let fresh = Second {
                boot,
                second,
                ..Second::default()
            };
            self.seconds.insert(place, fresh);
        }
        *self.seconds[place].counts.entry(cause).or_default() += 1;
        if self.seconds.len() > SECONDS {
            self.seconds.pop_front();
        }
    }

    /// Names of all tasks that were ever reported, in lower case: what a filter compares with.
    pub fn task_names(&self) -> &TaskNames {
        self.known.names()
    }

    /// The ledger of faults, with totals.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The kept rows from id `id`, oldest first.
    pub fn rows_from(&self, id: u64) -> impl DoubleEndedIterator<Item = &LedgerRow> {
        self.ledger.rows_from(id)
    }

    /// Number of distinct faults that arrived.
    pub fn received(&self) -> u64 {
        self.ledger.received()
    }

    /// Number of faults that never arrived, from the gaps in the numbers.
    pub fn lost(&self) -> u64 {
        self.ledger.lost()
    }

    /// Number of faults that arrived more than once.
    pub fn repeated(&self) -> u64 {
        self.ledger.repeated()
    }

    /// Number of frames that were not received; faults in them are counted as lost.
    pub fn missed_frames(&self) -> u64 {
        self.missed
    }

    /// Number of boots, at least 1.
    pub fn boots(&self) -> u32 {
        self.ledger.boots()
    }

    /// Number of faults for each cause, largest first.
    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        let mut causes: Vec<_> = self.causes.iter().map(|(cause, n)| (*cause, *n)).collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        causes
    }

    /// Number of faults for each task id.
    pub fn by_task(&self) -> &BTreeMap<u16, u64> {
        &self.by_task
    }

    /// The `count` seconds up to the newest fault of the last boot, including seconds without a fault.
    pub fn last_seconds(&self, count: usize) -> Vec<Second> {
        let Some(newest) = self.seconds.back() else {
            return Vec::new();
        };
        let first = (newest.second + 1).saturating_sub(count as u64);
        let mut known = self
            .seconds
            .iter()
            .filter(|it| it.boot == newest.boot && it.second >= first)
            .peekable();
        let second = |second| match known.next_if(|it| it.second == second) {
            Some(known) => known.clone(),
            None => Second {
                boot: newest.boot,
                second,
                ..Second::default()
            },
        };
        (first..=newest.second).map(second).collect()
    }

    /// Time of the newest fault, in microseconds since boot.
    pub fn newest_us(&self) -> Option<u64> {
        self.ledger.last().and_then(|row| row.sighting.time_us)
    }
}

#[cfg(test)]
mod tests {
    use abi::Fault;

    use super::*;

    fn tell(live: &mut Live, seq: u64, time_us: u64, va: u64) {
        live.apply(Update::Fault(Sighting {
            seq: Some(seq),
            time_us: Some(time_us),
            fault: Fault {
                cause: Cause::LoadPageFault.number(),
                va,
                task: 2,
                ..Fault::EMPTY
            },
        }));
    }

    #[test]
    fn shown_and_lost_are_all_that_was_raised() {
        let mut live = Live::default();
        for seq in [0, 1, 2, 5, 6] {
            tell(&mut live, seq, seq * 1000, seq << 12);
        }
        // Sent again after a second hello.
        for seq in 0..7 {
            tell(&mut live, seq, seq * 1000, seq << 12);
        }
        tell(&mut live, 9, 9000, 9 << 12);
        // The two missing ones arrived late; two others are lost.
        assert_eq!((live.received(), live.lost()), (8, 2));
        assert_eq!((live.repeated(), live.boots()), (5, 1));
    }

    #[test]
    fn a_number_that_comes_again_with_another_fault_is_another_boot() {
        let mut live = Live::default();
        tell(&mut live, 0, 0, 0x1000);
        tell(&mut live, 1, 1, 0x2000);
        tell(&mut live, 0, 0, 0x9000);
        assert_eq!((live.boots(), live.received(), live.lost()), (2, 3, 0));
    }

    #[test]
    fn rows_are_bounded_and_numbered_without_gaps() {
        let mut live = Live::default();
        for seq in 0..ROWS as u64 + 10 {
            tell(&mut live, seq, seq, seq << 12);
        }
        assert_eq!(live.rows_from(0).count(), ROWS);
        let last: Vec<u64> = live.rows_from(ROWS as u64 + 9).map(|row| row.id).collect();
        assert_eq!(last, [ROWS as u64 + 9, ROWS as u64 + 10]);
        // A dropped row that is repeated does not count as a reboot.
        tell(&mut live, 3, 3, 3 << 12);
        assert_eq!((live.boots(), live.repeated()), (1, 1));
    }

    #[test]
    fn seconds_without_a_fault_are_there_too() {
        let mut live = Live::default();
        for (seq, second) in [(0, 10), (1, 10), (2, 13)] {
            tell(&mut live, seq, second * 1_000_000, seq << 12);
        }
        let counts = |count| -> Vec<(u64, u64)> {
            let seconds = live.last_seconds(count);
            seconds
                .iter()
                .map(|it| (it.second, it.counts.values().sum()))
                .collect()
        };
        assert_eq!(counts(4), [(10, 2), (11, 0), (12, 0), (13, 1)]);
        assert_eq!(counts(2), [(12, 0), (13, 1)]);
        assert!(Live::default().last_seconds(9).is_empty());
    }
}
