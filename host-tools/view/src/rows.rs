//! CSV rows; for possibly stale tables a last column is added.

use std::io::{self, Write};

/// Writes a CSV row by row.
pub(crate) struct RowLimit<'a> {
    to: csv::Writer<&'a mut dyn Write>,
    is_possibly_stale: bool,
}

impl<'a> RowLimit<'a> {
    /// Writes the column names.
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

    /// Writes a row.
    pub fn row<T: AsRef<[u8]>>(&mut self, cells: &[T]) -> io::Result<()> {
        self.record(cells, "true")
    }

    fn record<T: AsRef<[u8]>>(&mut self, cells: &[T], last: &str) -> io::Result<()> {
        let last = self.is_possibly_stale.then_some(last.as_bytes());
        let cells = cells.iter().map(AsRef::as_ref).chain(last);
        Ok(self.to.write_record(cells)?)
    }

    /// Flushes the buffer.
    pub fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a header and rows.
pub fn csv<const N: usize>(
    out: &mut dyn Write,
    names: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> io::Result<()> {
    let mut limit = RowLimit::begin(out, &names, false)?;
    for row in rows {
        limit.row(&row)?;
    }
    limit.end()
}
