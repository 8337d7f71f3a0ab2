//! CSV: names, then rows. Where the tables may be stale, a last column says so.

use std::io::{self, Write};

/// The rows of a CSV, one by one.
pub(crate) struct RowLimit<'a> {
    to: csv::Writer<&'a mut dyn Write>,
    is_possibly_stale: bool,
}

impl<'a> RowLimit<'a> {
    /// Begins with the names of the columns.
    pub fn begin(
        out: &'a mut dyn Write,
        names: &[&str],
        is_possibly_stale: bool,
    ) -> io::Result<Self> {
        let mut rows = RowLimit {
            to: csv::Writer::from_writer(out),
            is_possibly_stale,
        };
        rows.record(names, "possibly_stale")?;
        Ok(rows)
    }

    /// A row.
    pub fn row<T: AsRef<[u8]>>(&mut self, cells: &[T]) -> io::Result<()> {
        self.record(cells, "true")
    }

    fn record<T: AsRef<[u8]>>(&mut self, cells: &[T], last: &str) -> io::Result<()> {
        let last = self.is_possibly_stale.then_some(last.as_bytes());
        let cells = cells.iter().map(AsRef::as_ref).chain(last);
        Ok(self.to.write_record(cells)?)
    }

    /// Writes what is left.
    pub fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}
