//! A board as it is seen while it runs: the last faults, what they add up to, tasks, spaces.
//!
//! However long it runs, this stays the same size: old rows go, totals stay.

use std::collections::{BTreeMap, VecDeque};

use abi::{Cause, Fault};

use crate::faults::Seen;
use crate::{Space, TaskList};

/// Rows that are kept.
pub const ROWS: usize = 16_384;
/// Seconds of which each has a count.
pub const SECONDS: usize = 600;
/// Lines of text that are kept.
pub const LINES: usize = 200;

/// What happened.
pub enum Update {
    /// The board told who it is.
    Board {
        /// Its name.
        name: String,
        /// Bits of an address.
        xlen: u32,
    },
    /// A fault.
    Fault {
        /// Its number since boot, where the board counts.
        seq: Option<u64>,
        /// Microseconds since boot, where known.
        time_us: Option<u64>,
        /// The record.
        fault: Fault,
    },
    /// Frames that were sent and not heard.
    Missed(u64),
    /// A line of text.
    Text(String),
    /// The tasks there are.
    Tasks(TaskList),
    /// What a task's tables map.
    Space(u64, Box<Space>),
    /// What could not be had, and why.
    Trouble(String),
    /// The line has ended.
    Ended,
}

/// A fault, numbered as it was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveRow {
    /// 1 for the first; without gaps.
    pub id: u64,
    /// The fault.
    pub seen: Seen,
}

/// Faults of one second since a boot, by cause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Second {
    /// Which boot, from 0.
    pub boot: u32,
    /// Which second.
    pub second: u64,
    /// How many of each cause.
    pub counts: BTreeMap<Cause, u64>,
}

/// What a fault's number says.
enum SequencePlace {
    /// It is the next, or comes behind some that were lost.
    Next,
    /// It was told before.
    Told,
    /// It was taken for lost, and has come after all.
    Late,
    /// Its number belongs to another fault.
    AnotherBoot,
}

/// All that is known.
#[derive(Default)]
pub struct Live {
    /// The board's name and the bits of its addresses.
    pub board: Option<(String, u32)>,
    /// The tasks there are.
    pub tasks: TaskList,
    /// What their tables map.
    pub spaces: BTreeMap<u64, Space>,
    /// The last lines of text.
    pub text: VecDeque<String>,
    /// What could not be had.
    pub trouble: Option<String>,
    /// The line has ended.
    pub ended: bool,
    rows: VecDeque<LiveRow>,
    received: u64,
    lost: u64,
    repeated: u64,
    missed: u64,
    boot: u32,
    next_seq: Option<u64>,
    causes: BTreeMap<Cause, u64>,
    by_task: BTreeMap<u16, u64>,
    seconds: VecDeque<Second>,
}

impl Live {
    /// Takes in what happened.
    pub fn apply(&mut self, update: Update) {
        match update {
            Update::Board { name, xlen } => self.board = Some((name, xlen)),
            Update::Fault {
                seq,
                time_us,
                fault,
            } => self.fault(seq, time_us, fault),
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
                self.tasks = tasks;
            }
            Update::Space(pid, space) => {
                self.spaces.insert(pid, *space);
            }
            Update::Trouble(what) => self.trouble = Some(what),
            Update::Ended => self.ended = true,
        }
    }

    /// Numbers go up by one. Where they jump, faults were lost; where they go back, a fault is
    /// told again, or the board has booted again.
    fn fault(&mut self, seq: Option<u64>, time_us: Option<u64>, fault: Fault) {
        if let (Some(seq), Some(next)) = (seq, self.next_seq) {
            match self.place(seq, next, time_us, &fault) {
                SequencePlace::Next => self.lost += seq - next,
                SequencePlace::Told => {
                    self.repeated += 1;
                    return;
                }
                SequencePlace::Late => self.lost = self.lost.saturating_sub(1),
                SequencePlace::AnotherBoot => {
                    self.boot += 1;
                    self.next_seq = None;
                }
            }
        }
        if let Some(seq) = seq {
            self.next_seq = self.next_seq.max(Some(seq + 1));
        }
        self.received += 1;
        *self.causes.entry(fault.cause()).or_default() += 1;
        if let Some(task) = fault.task() {
            *self.by_task.entry(task).or_default() += 1;
        }
        self.count(time_us, fault.cause());
        if self.rows.len() == ROWS {
            self.rows.pop_front();
        }
        self.rows.push_back(LiveRow {
            id: self.received,
            seen: Seen {
                boot: self.boot,
                seq,
                time_us,
                fault,
            },
        });
    }

    /// What a number says of its fault. One that is not kept any more is taken for one that was
    /// told.
    fn place(&self, seq: u64, next: u64, time_us: Option<u64>, fault: &Fault) -> SequencePlace {
        if seq >= next {
            return SequencePlace::Next;
        }
        let of_this_boot = || {
            let newest_first = self.rows.iter().rev();
            newest_first.take_while(|row| row.seen.boot == self.boot)
        };
        if let Some(known) = of_this_boot().find(|row| row.seen.seq == Some(seq)) {
            let known = &known.seen;
            let key = |it: &Fault| (it.epc, it.va, it.cause, it.task);
            let times = known.time_us.zip(time_us);
            let is_same = key(&known.fault) == key(fault) && times.is_none_or(|(a, b)| a == b);
            return if is_same {
                SequencePlace::Told
            } else {
                SequencePlace::AnotherBoot
            };
        }
        let is_after_some = of_this_boot().any(|row| row.seen.seq.is_some_and(|it| it < seq));
        match (is_after_some, self.rows.len() == ROWS) {
            (true, _) => SequencePlace::Late,
            (false, true) => SequencePlace::Told,
            (false, false) => SequencePlace::AnotherBoot,
        }
    }

    fn count(&mut self, time_us: Option<u64>, cause: Cause) {
        let last = self.seconds.back().map_or(0, |last| last.second);
        let second = time_us.map_or(last, |time| time / 1_000_000);
        let key = (self.boot, second);
        let place = self
            .seconds
            .partition_point(|known| (known.boot, known.second) < key);
        let is_there = self
            .seconds
            .get(place)
            .is_some_and(|known| (known.boot, known.second) == key);
        if !is_there {
            let fresh = Second {
                boot: self.boot,
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

    /// Rows from number `id` on that are still kept, oldest first.
    pub fn rows_from(&self, id: u64) -> impl DoubleEndedIterator<Item = &LiveRow> {
        let from = self.rows.partition_point(|row| row.id < id);
        self.rows.range(from..)
    }

    /// Faults that were told.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Faults that never came, by the gaps between the numbers.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Faults that were told more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Frames that never came: what was in them, if faults, is among the lost.
    pub fn missed_frames(&self) -> u64 {
        self.missed
    }

    /// How often the board was seen to boot.
    pub fn boots(&self) -> u32 {
        self.boot + 1
    }

    /// Faults of each cause, most first.
    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        let mut causes: Vec<_> = self.causes.iter().map(|(cause, n)| (*cause, *n)).collect();
        causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        causes
    }

    /// Faults of each task.
    pub fn by_task(&self) -> &BTreeMap<u16, u64> {
        &self.by_task
    }

    /// The last `count` seconds up to the one of the newest fault, those without a fault too;
    /// of the last boot.
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

    /// Microseconds since boot at the newest fault.
    pub fn newest_us(&self) -> Option<u64> {
        self.rows.back().and_then(|row| row.seen.time_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(live: &mut Live, seq: u64, time_us: u64, va: u64) {
        live.apply(Update::Fault {
            seq: Some(seq),
            time_us: Some(time_us),
            fault: Fault {
                cause: Cause::LoadPageFault.number(),
                va,
                task: 2,
                ..Fault::EMPTY
            },
        });
    }

    #[test]
    fn shown_and_lost_are_all_that_was_raised() {
        let mut live = Live::default();
        for seq in [0, 1, 2, 5, 6] {
            tell(&mut live, seq, seq * 1000, seq << 12);
        }
        // Told again after a second hello.
        for seq in 0..7 {
            tell(&mut live, seq, seq * 1000, seq << 12);
        }
        tell(&mut live, 9, 9000, 9 << 12);
        // The two that were missing came after all; two others have not.
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
        // One that is forgotten and comes again is not taken for another boot.
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
