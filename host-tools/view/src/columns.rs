//! Aligned columns of text.

use std::io::{self, Write};

/// Alignment of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ColumnSide {
    /// Left-aligned, for text.
    Left,
    /// Right-aligned, for numbers.
    Right,
}

/// Rows of cells under headings; a column without any content is left out.
pub struct Columns<const N: usize> {
    headings: [(&'static str, ColumnSide); N],
    rows: Vec<[String; N]>,
}

/// Writes rows as [`Columns`] does, without storing them: `rows` is called twice, first to measure the
/// widths.
pub fn stream<const N: usize, I: Iterator<Item = [String; N]>>(
    out: &mut dyn Write,
    headings: [(&'static str, ColumnSide); N],
    rows: impl Fn() -> I,
) -> io::Result<()> {
    let mut widths = [0; N];
    for row in rows() {
        for (width, cell) in widths.iter_mut().zip(&row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let columns = Columns::new(headings);
    columns.line(out, 0, &widths, headings.map(|(heading, _)| heading))?;
    for row in rows() {
        columns.line(out, 0, &widths, row.each_ref().map(String::as_str))?;
    }
    Ok(())
}

impl<const N: usize> Columns<N> {
    /// A table with these headings.
    pub fn new(headings: [(&'static str, ColumnSide); N]) -> Self {
        Columns {
            headings,
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Writes headings and rows; each line is indented by `indent` spaces.
    pub fn write(&self, out: &mut dyn Write, indent: usize) -> io::Result<()> {
        let widths: [usize; N] = std::array::from_fn(|column| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0)
        });
        let headings = self.headings.map(|(heading, _)| heading);
        self.line(out, indent, &widths, headings)?;
        for row in &self.rows {
            self.line(out, indent, &widths, row.each_ref().map(String::as_str))?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut dyn Write,
        indent: usize,
        widths: &[usize; N],
        cells: [&str; N],
    ) -> io::Result<()> {
        let mut line = " ".repeat(indent);
        for (column, cell) in cells.iter().enumerate() {
            if widths[column] == 0 {
                continue;
            }
            let (heading, side) = self.headings[column];
            let width = widths[column].max(heading.len());
            match side {
                ColumnSide::Left => line.push_str(&format!("{cell:<width$}  ")),
                ColumnSide::Right => line.push_str(&format!("{cell:>width$}  ")),
            }
        }
        writeln!(out, "{}", line.trim_end())
    }
}
