//! CSV: the columns of `faults --format csv`.

use std::io::{self, Write};

use model::Faults;

use super::{Export, ExportOutput, ExportedFault};
use crate::faults::FaultCells;

struct CsvExport(csv::Writer<Box<dyn Write + Send>>);

/// Writes the header.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, _: &str) -> io::Result<Box<dyn Export + 'a>> {
    let mut rows = csv::Writer::from_writer(out.open("")?);
    rows.write_record(FaultCells::NAMES)?;
    Ok(Box::new(CsvExport(rows)))
}

impl Export for CsvExport {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let cells = FaultCells::of(fault.row, &|_| fault.function.map(str::to_owned));
        Ok(self.0.write_record(cells.into_texts())?)
    }

    fn end(mut self: Box<Self>, _: &Faults) -> io::Result<()> {
        self.0.flush()
    }
}
