//! Faults of a log of any length, each handed on when its place among the others is known.

use std::collections::BTreeMap;
use std::io;

use abi::Sighting;

use super::{FaultTotals, Faults};
use crate::ledger::{Ledger, LedgerRow};

/// Faults that are kept: what is told again, or arrives late, is known for one of these.
pub const KEPT: usize = 1 << 16;
/// Faults that wait for one with a lower number.
const WAITING: usize = 1 << 10;

/// Takes each fault in the order of [`Faults::all`].
pub type TakeRow<'a> = &'a mut dyn FnMut(&LedgerRow) -> io::Result<()>;

/// Faults as they arrive. As long as they are few they are kept; of more only totals are.
#[derive(Default)]
pub struct FaultStream {
    ledger: Ledger,
    totals: FaultTotals,
    /// Only faults of this task.
    task: Option<u16>,
    /// Faults that are kept no more, of the boot that goes on, by number.
    waiting: BTreeMap<u64, LedgerRow>,
    is_long: bool,
}

impl FaultStream {
    /// Of all tasks, or of one.
    pub fn of(task: Option<u16>) -> FaultStream {
        FaultStream {
            task,
            ..FaultStream::default()
        }
    }

    /// The board said that it overwrote so many records before it could send them.
    pub fn add_overwritten(&mut self, count: u64) {
        self.ledger.add_overwritten(count);
    }

    /// What is known of boots and gaps.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The next fault. Those for which there is no more room are handed on.
    pub fn add(&mut self, sighting: Sighting, take: TakeRow<'_>) -> io::Result<()> {
        self.ledger.add(sighting);
        while let Some(row) = self.ledger.pop_over(KEPT) {
            self.is_long = true;
            self.wait(row, take)?;
        }
        Ok(())
    }

    /// A line of text may arrive before the frame of an earlier fault: a few wait for their turn.
    fn wait(&mut self, row: LedgerRow, take: TakeRow<'_>) -> io::Result<()> {
        let boot = self.waiting.first_key_value().map(|(_, row)| row.boot);
        let Some(seq) = row.sighting.seq else {
            self.flush(0, take)?;
            return self.tell(&row, take);
        };
        if boot.is_some_and(|boot| boot != row.boot) {
            self.flush(0, take)?;
        }
        self.waiting.insert(seq, row);
        self.flush(WAITING, take)
    }

    fn flush(&mut self, keep: usize, take: TakeRow<'_>) -> io::Result<()> {
        while self.waiting.len() > keep
            && let Some((_, row)) = self.waiting.pop_first()
        {
            self.tell(&row, take)?;
        }
        Ok(())
    }

    fn tell(&mut self, row: &LedgerRow, take: TakeRow<'_>) -> io::Result<()> {
        if self.task.is_some() && row.sighting.fault.task() != self.task {
            return Ok(());
        }
        self.totals.add(row);
        take(row)
    }

    /// There are no more: what they come to, and all of them where they were few. Of many, the rest
    /// is handed on too.
    pub fn finish(mut self, take: TakeRow<'_>) -> io::Result<Faults> {
        if !self.is_long {
            let faults = Faults::from(self.ledger);
            return Ok(match self.task {
                Some(task) => faults.of_task(task),
                None => faults,
            });
        }
        while let Some(row) = self.ledger.pop_over(0) {
            self.wait(row, take)?;
        }
        self.flush(0, take)?;
        let mut faults = Faults::from(self.ledger);
        faults.totals = self.totals;
        faults.is_long = true;
        Ok(faults)
    }
}
