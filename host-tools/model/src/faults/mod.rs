//! The faults of one recording, and what they add up to.

use std::collections::{BTreeMap, HashMap};

use abi::{Cause, Fault};

mod timeline;

pub use timeline::{Bucket, Timeline};

/// One fault of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which boot of the board it happened in, from 0: a recording may hold several.
    pub boot: u32,
    /// Its number since that boot, where the board counts.
    pub seq: Option<u64>,
    /// Microseconds since that boot, where known.
    pub time_us: Option<u64>,
    /// The record; what was not told is as in [`Fault::EMPTY`].
    pub fault: Fault,
}

/// One page of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultPage {
    /// The task, where known.
    pub task: Option<u16>,
    /// Its first address.
    pub address: u64,
}

/// How fast faults came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRate {
    /// Faults whose time is known.
    pub faults: u64,
    /// Microseconds from the first to the last.
    pub span_us: u64,
    /// The most that fell into one millisecond.
    pub most_in_a_millisecond: u64,
}

/// All faults of a recording, in the order they were heard.
#[derive(Default)]
pub struct Faults {
    seen: Vec<Seen>,
    boot: u32,
    /// Where each numbered record of the current boot stands.
    numbered: HashMap<u64, usize>,
    /// Lowest and highest number, and how many, of each boot.
    numbers: BTreeMap<u32, (u64, u64, u64)>,
    overwritten: u64,
    repeated: u64,
}

impl Faults {
    /// Adds a fault. One that was added before (the board both printed and sent
    /// it, or sent it again after a second hello) counts once. A number that
    /// comes again with another fault means that the board has booted again.
    pub fn add(&mut self, seq: Option<u64>, time_us: Option<u64>, fault: Fault) {
        let at = self.seen.len();
        if let Some(seq) = seq {
            if let Some(before) = self.numbered.get(&seq) {
                let before = &mut self.seen[*before];
                if is_same(before, time_us, &fault) {
                    self.repeated += 1;
                    // A frame tells more than a line of text does.
                    if before.fault.satp == 0 {
                        before.fault = fault;
                    }
                    return;
                }
                self.boot += 1;
                self.numbered.clear();
            }
            self.numbered.insert(seq, at);
            let numbers = self.numbers.entry(self.boot).or_insert((seq, seq, 0));
            *numbers = (numbers.0.min(seq), numbers.1.max(seq), numbers.2 + 1);
        }
        self.seen.push(Seen {
            boot: self.boot,
            seq,
            time_us,
            fault,
        });
    }

    /// The board said that it overwrote so many before it could send them.
    pub fn add_overwritten(&mut self, count: u64) {
        self.overwritten = self.overwritten.saturating_add(count);
    }

    /// Only the faults of one task. Numbers that are missing stay what they were:
    /// nobody knows whose they would have been.
    pub fn of_task(mut self, task: u16) -> Faults {
        self.seen.retain(|seen| seen.fault.task() == Some(task));
        self.numbered.clear();
        self
    }

    /// The faults in the order they happened, if all of them are numbered: a line
    /// of text may have come before the frame of an earlier fault.
    pub fn in_order(mut self) -> Faults {
        if self.seen.iter().all(|seen| seen.seq.is_some()) {
            self.seen.sort_by_key(|seen| (seen.boot, seen.seq));
            self.numbered.clear();
        }
        self
    }

    /// Every fault, as heard.
    pub fn all(&self) -> &[Seen] {
        &self.seen
    }

    /// How many boots the recording holds, as far as numbers tell.
    pub fn boots(&self) -> u32 {
        self.boot + 1
    }

    /// Faults that were told more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Faults that the board says it overwrote in its ring.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// Numbers between the first and the last that never came.
    pub fn missing(&self) -> u64 {
        let gap = |(low, high, count): &(u64, u64, u64)| (high - low).saturating_sub(count - 1);
        self.numbers.values().map(gap).fold(0, u64::saturating_add)
    }

    /// Faults of each cause, most first.
    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        count(self.seen.iter().map(|seen| seen.fault.cause()))
    }

    /// Faults of each task, most first.
    pub fn by_task(&self) -> Vec<(Option<u16>, u64)> {
        count(self.seen.iter().map(|seen| seen.fault.task()))
    }

    /// Faults on each page of each task, most first. Faults that are about no
    /// address (an illegal instruction leaves its bits there) are on no page.
    pub fn by_page(&self) -> Vec<(FaultPage, u64)> {
        let on_a_page = |seen: &&Seen| seen.fault.cause().has_address();
        count(self.seen.iter().filter(on_a_page).map(|seen| FaultPage {
            task: seen.fault.task(),
            address: seen.fault.page(),
        }))
    }

    /// How fast they came; `None` where no time is known.
    pub fn rate(&self) -> Option<FaultRate> {
        let times = || self.seen.iter().filter_map(|seen| seen.time_us);
        let (first, last) = (times().min()?, times().max()?);
        let mut milliseconds = BTreeMap::<(u32, u64), u64>::new();
        for seen in &self.seen {
            if let Some(time_us) = seen.time_us {
                *milliseconds.entry((seen.boot, time_us / 1000)).or_default() += 1;
            }
        }
        Some(FaultRate {
            faults: milliseconds.values().sum(),
            span_us: last - first,
            most_in_a_millisecond: milliseconds.values().copied().max()?,
        })
    }

    /// Faults of each cause over time, in at most `buckets` steps of a round
    /// length; `None` where no time is known.
    pub fn timeline(&self, buckets: usize) -> Option<Timeline> {
        Timeline::of(&self.seen, buckets)
    }
}

/// How often each comes, most first, then in order.
fn count<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<(K, u64)> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

/// Whether both tell of one fault. The clock's ticks are known to frames only,
/// so times are compared in microseconds, and only where both have one.
fn is_same(before: &Seen, time_us: Option<u64>, fault: &Fault) -> bool {
    let key = |fault: &Fault| (fault.epc, fault.va, fault.cause, fault.task, fault.outcome);
    let is_same_time = before
        .time_us
        .zip(time_us)
        .is_none_or(|(one, other)| one == other);
    is_same_time && key(&before.fault) == key(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(cause: Cause, va: u64, task: u16) -> Fault {
        Fault {
            cause: cause.number(),
            va,
            task,
            ..Fault::EMPTY
        }
    }

    #[test]
    fn totals_come_most_first() {
        let mut faults = Faults::default();
        faults.add(None, None, fault(Cause::LoadPageFault, 0x1234, 2));
        faults.add(None, None, fault(Cause::StorePageFault, 0x1ff8, 3));
        faults.add(None, None, fault(Cause::StorePageFault, 0x1000, 3));
        assert_eq!(
            faults.by_cause(),
            [(Cause::StorePageFault, 2), (Cause::LoadPageFault, 1)]
        );
        assert_eq!(faults.by_task(), [(Some(3), 2), (Some(2), 1)]);
        let page = |task| FaultPage {
            task: Some(task),
            address: 0x1000,
        };
        assert_eq!(faults.by_page(), [(page(3), 2), (page(2), 1)]);
        assert_eq!(faults.rate(), None);
    }

    #[test]
    fn printed_and_sent_is_still_one_fault() {
        let text = fault(Cause::LoadPageFault, 0x1000, 2);
        let frame = Fault {
            satp: 8 << 60,
            time: 99,
            ..text
        };
        let mut faults = Faults::default();
        faults.add(Some(7), Some(5), text);
        faults.add(Some(7), Some(5), frame);
        assert_eq!((faults.all().len(), faults.repeated()), (1, 1));
        assert_eq!(faults.all()[0].fault, frame);
    }

    #[test]
    fn numbers_that_never_came_are_missing() {
        let mut faults = Faults::default();
        for seq in [10, 11, 15] {
            faults.add(Some(seq), None, fault(Cause::LoadPageFault, seq << 12, 2));
        }
        faults.add_overwritten(3);
        assert_eq!((faults.missing(), faults.overwritten()), (3, 3));
        assert_eq!(faults.boots(), 1);
    }

    #[test]
    fn numbers_put_faults_in_order_and_logs_without_stay_as_heard() {
        let mut faults = Faults::default();
        for seq in [1, 0, 2] {
            faults.add(Some(seq), None, fault(Cause::LoadPageFault, seq << 12, 2));
        }
        let faults = faults.in_order();
        let order = |faults: &Faults| -> Vec<u64> {
            faults
                .all()
                .iter()
                .map(|seen| seen.fault.va >> 12)
                .collect()
        };
        assert_eq!(order(&faults), [0, 1, 2]);
        let mut faults = Faults::default();
        for page in [1, 0, 2] {
            faults.add(None, None, fault(Cause::LoadPageFault, page << 12, 2));
        }
        assert_eq!(order(&faults.in_order()), [1, 0, 2]);
    }

    #[test]
    fn an_illegal_instruction_is_on_no_page() {
        let mut faults = Faults::default();
        faults.add(None, None, fault(Cause::IllegalInstruction, 0x1000, 2));
        assert_eq!((faults.by_cause().len(), faults.by_page().len()), (1, 0));
    }

    #[test]
    fn another_tasks_faults_are_not_missing() {
        let mut faults = Faults::default();
        for (seq, task) in [(0, 2), (1, 3), (2, 2), (4, 3)] {
            faults.add(
                Some(seq),
                None,
                fault(Cause::LoadPageFault, seq << 12, task),
            );
        }
        let faults = faults.of_task(2);
        assert_eq!((faults.all().len(), faults.missing()), (2, 1));
    }

    #[test]
    fn a_second_boot_begins_where_a_number_comes_again() {
        let mut faults = Faults::default();
        for (seq, va) in [(0, 0x1000), (1, 0x2000), (0, 0x9000), (1, 0x2000)] {
            faults.add(Some(seq), None, fault(Cause::LoadPageFault, va, 2));
        }
        let boots: Vec<_> = faults.all().iter().map(|seen| seen.boot).collect();
        assert_eq!(boots, [0, 0, 1, 1]);
        assert_eq!((faults.boots(), faults.missing()), (2, 0));
    }

    #[test]
    fn the_rate_knows_the_busiest_millisecond() {
        let mut faults = Faults::default();
        for time_us in [1_000, 1_999, 2_000, 9_000] {
            faults.add(None, Some(time_us), fault(Cause::LoadPageFault, 0, 2));
        }
        let rate = FaultRate {
            faults: 4,
            span_us: 8_000,
            most_in_a_millisecond: 2,
        };
        assert_eq!(faults.rate(), Some(rate));
    }
}
