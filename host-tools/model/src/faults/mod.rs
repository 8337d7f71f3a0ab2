//! Statistics over the faults of one recording.

use abi::Cause;

use crate::Timeline;
use crate::ledger::{Ledger, LedgerRow};

mod stream;
mod totals;

pub use stream::{FaultStream, KEPT, TakeRow};

use totals::FaultTotals;

/// One page of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultPage {
    /// Task id; `None` where the fault has none.
    pub task: Option<u16>,
    /// First address of the page.
    pub address: u64,
}

/// The rate of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRate {
    /// Number of faults with a known time.
    pub faults: u64,
    /// Microseconds from the first to the last fault of each boot, summed over boots.
    pub span_us: u64,
    /// Largest number of faults within one millisecond.
    pub most_in_a_millisecond: u64,
}

/// The faults of a recording in the order they happened, with counts of the missing ones.
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
    /// Keeps only the faults of one task. The number of missing faults stays: their tasks are not known.
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

    /// Adds the rows of a long recording, which the caller collected as they were passed on.
    pub fn with_rows(mut self, rows: Vec<LedgerRow>) -> Faults {
        if self.is_long {
            (self.rows, self.is_long) = (rows, false);
        }
        self
    }

    /// Every fault, by boot, then by number if all have one, otherwise by arrival.
    pub fn all(&self) -> &[LedgerRow] {
        &self.rows
    }

    /// Number of boots in the recording, as far as numbers and times show.
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Number of faults that arrived more than once.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Number of records that the board reports as overwritten in its ring.
    pub fn overwritten(&self) -> u64 {
        self.overwritten
    }

    /// Number of faults that never arrived, from the gaps in the numbers of all boots.
    pub fn missing(&self) -> u64 {
        self.lost
    }

    /// Number of faults: the length of [`Faults::all`], or the total of a long recording.
    pub fn count(&self) -> u64 {
        self.totals.faults()
    }

    /// Whether there are more faults than are kept: then [`Faults::all`] is empty and only totals are known.
    pub fn is_long(&self) -> bool {
        self.is_long
    }

    /// Faults on pages that [`Faults::by_page`] leaves out because it counts a limited number of pages.
    pub fn on_other_pages(&self) -> u64 {
        self.totals.other_pages()
    }

    /// Whether any address has more than 32 bits.
    pub fn has_wide_addresses(&self) -> bool {
        self.totals.has_wide()
    }

    /// Number of faults for each cause, largest first.
    pub fn by_cause(&self) -> Vec<(Cause, u64)> {
        self.totals.by_cause()
    }

    /// Number of faults for each task, largest first.
    pub fn by_task(&self) -> Vec<(Option<u16>, u64)> {
        self.totals.by_task()
    }

    /// Number of faults for each page of each task, largest first. Causes without an address (illegal
    /// instruction) are left out.
    pub fn by_page(&self) -> Vec<(FaultPage, u64)> {
        self.totals.by_page()
    }

    /// The rate of faults; `None` if no time is known.
    pub fn rate(&self) -> Option<FaultRate> {
        self.totals.rate()
    }

    /// Faults for each cause over time, in at most `buckets` intervals of a round length; `None` if no time
    /// is known.
    pub fn timeline(&self, buckets: usize) -> Option<Timeline<Cause>> {
        let cause = |row: &LedgerRow| Some((row.sighting.time_us?, row.sighting.fault.cause()));
        Timeline::of(self.rows.iter().filter_map(cause), buckets)
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
        // A second boot starts where time goes back: its faults do not share a millisecond with earlier ones.
        let two_boots = FaultRate {
            faults: 6,
            span_us: 8_500,
            most_in_a_millisecond: 2,
        };
        let times = [1_000, 1_999, 2_000, 9_000, 1_000, 1_500];
        assert_eq!(rate(&times), Some(two_boots));
    }
}
