//! Faults as CSV: one row per fault, with the members of the JSON as columns.

use std::io::{self, Write};

use model::ledger::LedgerRow;

use super::{FaultCells, FaultReport, Names};

/// Writes the header and every fault; unknown fields are empty.
pub(super) fn csv(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let mut lines = CsvStream::begin(out, report.names)?;
    for row in report.faults.all() {
        lines.row(row)?;
    }
    lines.end()
}

/// Writes the same CSV one fault at a time.
pub struct CsvStream<'a> {
    lines: csv::Writer<&'a mut dyn Write>,
    names: Names<'a>,
}

impl<'a> CsvStream<'a> {
    /// Writes the header.
    pub fn begin(out: &'a mut dyn Write, names: Names<'a>) -> io::Result<Self> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record(FaultCells::NAMES)?;
        Ok(CsvStream { lines, names })
    }

    /// Writes a fault.
    pub fn row(&mut self, row: &LedgerRow) -> io::Result<()> {
        let cells = FaultCells::of(row, self.names).into_texts();
        Ok(self.lines.write_record(cells)?)
    }

    /// Flushes the buffer.
    pub fn end(mut self) -> io::Result<()> {
        self.lines.flush()
    }
}
