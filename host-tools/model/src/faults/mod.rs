//! The faults of one recording, and what they add up to.

use abi::Cause;

use crate::ledger::{Ledger, LedgerRow};

mod stream;
mod timeline;
mod totals;

pub use stream::{FaultStream, KEPT, TakeRow};
pub use timeline::{Bucket, Timeline};

use totals::FaultTotals;

/// One page of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    /// Microseconds from the first to the last of each boot, of all boots together.
    pub span_us: u64,
    /// The most that fell into one millisecond.
    pub most_in_a_millisecond: u64,
}

/// The faults of a recording in the order they happened, and what is known of those it lacks.
pub struct Faults {
    rows: Vec<LedgerRow>,
    boots: u32,
    lost: u64,
    overwritten: u64,
    repeated: u64,
    totals: FaultTotals,
    is_long: bool,
}

impl From<Ledger> for Faults {
    fn from(ledger: Ledger) -> Faults {
        let mut faults = Faults {
            boots: ledger.boots(),
            lost: ledger.lost(),
            overwritten: ledger.overwritten(),
            repeated: ledger.repeated(),
            rows: ledger.into_rows_in_order(),
            totals: FaultTotals::default(),
            is_long: false,
        };
        faults.total();
        faults
    }
}

impl Faults {
    /// Only the faults of one task. Numbers that are missing stay what they were:
    /// nobody knows whose they would have been.
    pub fn of_task(mut self, task: u16) -> Faults {
        self.rows
            .retain(|row| row.sighting.fault.task() == Some(task));
        self.total();
        self
    }

    fn total(&mut self) {
        self.totals = FaultTotals::default();
        for row in &self.rows {
            self.totals.add(row);
        }
    }

    /// The same of a long log, whose faults somebody kept as they were handed on.
    pub fn with_rows(mut self, rows: Vec<LedgerRow>) -> Faults {
        if self.is_long {
            (self.rows, self.is_long) = (rows, false);
        }
        self
    }

    /// Every fault, by boot, then by number where all have one, else as it arrived.
    pub fn all(&self) -> &[LedgerRow] {
        &self.rows
    }

    /// How many boots the recording holds, as far as numbers and times show.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Faults that arrived more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Faults that the board says it overwrote in its ring.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// Numbers between those that arrived that never did, of all boots.
    pub fn missing(&self) -> u64 {
        self.lost
    }

    /// How many faults: those that [`Faults::all`] lists, or, of a long log, all that there were.
    pub fn count(&self) -> u64 {
        self.totals.faults()
    }

    /// Whether there were more than are kept: then [`Faults::all`] is empty, and these are totals.
    pub fn is_long(&self) -> bool {
        self.is_long
    }

    /// Faults on pages that are not in [`Faults::by_page`]: there were more pages than are counted.
    pub fn on_other_pages(&self) -> u64 {
        self.totals.other_pages()
    }

    /// Whether an address has more than 32 bits.
    pub fn has_wide_addresses(&self) -> bool {
        self.totals.has_wide()
    }

    /// Faults of each cause, most first.
    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        self.totals.by_cause()
    }

    /// Faults of each task, most first.
    pub fn by_task(&self) -> Vec<(Option<u16>, u64)> {
        self.totals.by_task()
    }

    /// Faults on each page of each task, most first. Faults that are about no
    /// address (an illegal instruction leaves its bits there) are on no page.
    pub fn by_page(&self) -> Vec<(FaultPage, u64)> {
        self.totals.by_page()
    }

    /// How fast they came; `None` where no time is known.
    pub fn rate(&self) -> Option<FaultRate> {
        self.totals.rate()
    }

    /// Faults of each cause over time, in at most `buckets` steps of a round
    /// length; `None` where no time is known.
    pub fn timeline(&self, buckets: usize) -> Option<Timeline> {
        Timeline::of(&self.rows, buckets)
    }
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Sighting};

    use super::*;

    fn fault(cause: Cause, va: u64, task: u16) -> Fault {
        Fault {
            cause: cause.number(),
            va,
            task,
            ..Fault::EMPTY
        }
    }

    fn faults(all: impl IntoIterator<Item = (Option<u64>, Option<u64>, Fault)>) -> Faults {
        let mut ledger = Ledger::default();
        for (seq, time_us, fault) in all {
            ledger.add(Sighting {
                seq,
                time_us,
                fault,
            });
        }
        ledger.into()
    }

    #[test]
    fn totals_come_most_first() {
        let faults = faults([
            (None, None, fault(Cause::LoadPageFault, 0x1234, 2)),
            (None, None, fault(Cause::StorePageFault, 0x1ff8, 3)),
            (None, None, fault(Cause::StorePageFault, 0x1000, 3)),
        ]);
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
    fn numbers_that_never_came_are_missing() {
        let load = |seq| fault(Cause::LoadPageFault, seq << 12, 2);
        let mut ledger = Ledger::default();
        for seq in [10, 11, 15] {
            let (seq, fault) = (Some(seq), load(seq));
            ledger.add(Sighting {
                seq,
                time_us: None,
                fault,
            });
        }
        ledger.add_overwritten(3);
        let faults = Faults::from(ledger);
        assert_eq!((faults.missing(), faults.overwritten()), (3, 3));
        assert_eq!(faults.boots(), 1);
    }

    #[test]
    fn numbers_put_faults_in_order_and_logs_without_stay_as_heard() {
        let load = |page: u64| fault(Cause::LoadPageFault, page << 12, 2);
        let order = |faults: &Faults| -> Vec<u64> {
            let all = faults.all().iter();
            all.map(|row| row.sighting.fault.va >> 12).collect()
        };
        let numbered = [1, 3, 2].map(|seq| (Some(seq), None, load(seq)));
        assert_eq!(order(&faults(numbered)), [1, 2, 3]);
        let without = [1, 0, 2].map(|page| (None, None, load(page)));
        assert_eq!(order(&faults(without)), [1, 0, 2]);
    }

    #[test]
    fn an_illegal_instruction_is_on_no_page() {
        let faults = faults([(None, None, fault(Cause::IllegalInstruction, 0x1000, 2))]);
        assert_eq!((faults.by_cause().len(), faults.by_page().len()), (1, 0));
    }

    #[test]
    fn another_tasks_faults_are_not_missing() {
        let all = [(0, 2), (1, 3), (2, 2), (4, 3)].map(|(seq, task)| {
            let fault = fault(Cause::LoadPageFault, seq << 12, task);
            (Some(seq), None, fault)
        });
        let faults = faults(all).of_task(2);
        assert_eq!((faults.all().len(), faults.missing()), (2, 1));
    }

    #[test]
    fn the_rate_knows_the_busiest_millisecond() {
        let at = |time_us| (None, Some(time_us), fault(Cause::LoadPageFault, 0, 2));
        let rate = |times: &[u64]| faults(times.iter().copied().map(at)).rate();
        let one_boot = FaultRate {
            faults: 4,
            span_us: 8_000,
            most_in_a_millisecond: 2,
        };
        assert_eq!(rate(&[1_000, 1_999, 2_000, 9_000]), Some(one_boot));
        // A second boot begins where time falls back: its faults share no millisecond with these.
        let two_boots = FaultRate {
            faults: 6,
            span_us: 8_500,
            most_in_a_millisecond: 2,
        };
        let times = [1_000, 1_999, 2_000, 9_000, 1_000, 1_500];
        assert_eq!(rate(&times), Some(two_boots));
    }
}
