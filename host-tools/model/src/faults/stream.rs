//! Faults of a recording of any length, passed on once their order is known.

use std::collections::VecDeque;
use std::io;

use abi::Sighting;

use super::{FaultTotals, Faults};
use crate::ledger::{Ledger, LedgerRow};

/// Number of faults kept in memory: repetitions and late arrivals are recognized within this window.
pub const KEPT: usize = 1 << 16;
/// Number of faults that may wait for one with a lower number.
const WAITING: usize = 1 << 10;

/// Receives each fault, in the order of [`Faults::all`].
pub type TakeRow<'a> = &'a mut dyn FnMut(&LedgerRow) -> io::Result<()>;

/// Faults as they arrive. A short recording is kept; of a long one only totals are.
#[derive(Default)]
pub struct FaultStream {
    ledger: Ledger,
    totals: FaultTotals,
    /// Filter by task.
    task: Option<u16>,
    /// Faults of the current boot that left the ledger, in the order of their numbers. Nearly every one is
    /// the last.
    waiting: VecDeque<(u64, LedgerRow)>,
    is_long: bool,
}

impl FaultStream {
    /// A stream over all tasks, or over one.
    pub fn of(task: Option<u16>) -> FaultStream {
        FaultStream {
            task,
            ..FaultStream::default()
        }
    }

    /// Adds records that the board reports as overwritten before they were sent.
    pub fn add_overwritten(&mut self, count: u64) {
        self.ledger.add_overwritten(count);
    }

    /// Boots and gaps seen so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Adds a fault; rows that no longer fit are passed to `take`.
    pub fn add(&mut self, sighting: Sighting, take: TakeRow<'_>) -> io::Result<()> {
        self.ledger.add(sighting);
        while let Some(row) = self.ledger.pop_over(KEPT) {
            self.is_long = true;
            self.wait(row, take)?;
        }
        Ok(())
    }

    /// Holds a row back: a text line may arrive before the frame of an earlier fault.
    fn wait(&mut self, row: LedgerRow, take: TakeRow<'_>) -> io::Result<()> {
        let boot = self.waiting.front().map(|(_, row)| row.boot);
        let Some(seq) = row.sighting.seq else {
            self.flush(0, take)?;
            return self.tell(&row, take);
        };
        if boot.is_some_and(|boot| boot != row.boot) {
            self.flush(0, take)?;
        }
        match self.waiting.back() {
            Some((last, _)) if *last >= seq => self.insert(seq, row),
            _ => self.waiting.push_back((seq, row)),
        }
        self.flush(WAITING, take)
    }

    /// Inserts a row that is late; of one number the last row counts.
    fn insert(&mut self, seq: u64, row: LedgerRow) {
        match self.waiting.binary_search_by_key(&seq, |(known, _)| *known) {
            Ok(place) => self.waiting[place].1 = row,
            Err(place) => self.waiting.insert(place, (seq, row)),
        }
    }

    fn flush(&mut self, keep: usize, take: TakeRow<'_>) -> io::Result<()> {
        while self.waiting.len() > keep
            && let Some((_, row)) = self.waiting.pop_front()
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

    /// Ends the stream. Returns the statistics, with all rows if they were few; otherwise the remaining rows
    /// are passed to `take`.
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
