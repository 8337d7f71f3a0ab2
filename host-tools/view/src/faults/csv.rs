//! Faults as CSV: one line a fault, the members of the JSON as columns.

use std::io::{self, Write};

use model::ledger::LedgerRow;

use super::{FaultCells, FaultReport, Names};

/// Writes a heading and every fault; what is not known is empty.
pub(super) fn csv(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let mut lines = CsvStream::begin(out, report.names)?;
    for row in report.faults.all() {
        lines.row(row)?;
    }
    lines.end()
}

/// The same, fault by fault.
pub struct CsvStream<'a> {
    lines: csv::Writer<&'a mut dyn Write>,
    names: Names<'a>,
}

impl<'a> CsvStream<'a> {
    /// Begins with the heading.
    pub fn begin(out: &'a mut dyn Write, names: Names<'a>) -> io::Result<Self> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record(FaultCells::NAMES)?;
        Ok(CsvStream { lines, names })
    }

    /// The next fault.
    pub fn row(&mut self, row: &LedgerRow) -> io::Result<()> {
        let cells = FaultCells::of(row, self.names).into_texts();
        Ok(self.lines.write_record(cells)?)
    }

    /// Writes what is left.
    pub fn end(mut self) -> io::Result<()> {
        self.lines.flush()
    }
}
