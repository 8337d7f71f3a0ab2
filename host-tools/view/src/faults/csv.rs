//! Faults as CSV: one line a fault, the members of the JSON as columns.

use std::io::{self, Write};

use super::{FaultCells, FaultReport};

/// Writes a heading and every fault; what is not known is empty.
pub(super) fn csv(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let mut lines = csv::Writer::from_writer(out);
    lines.write_record(FaultCells::NAMES)?;
    for row in report.faults.all() {
        lines.write_record(FaultCells::of(row, report.names).into_texts())?;
    }
    lines.flush()
}
