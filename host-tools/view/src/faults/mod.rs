//! Faults as a table, JSON or CSV.

use std::io::{self, Write};

use model::Faults;

use crate::View;

pub use self::csv::CsvStream;
pub use self::json::JsonStream;

mod cells;
mod csv;
mod json;
mod table;

pub(crate) use cells::{FaultCells, text};
#[cfg(feature = "export")]
pub(crate) use json::totals as json_totals;

/// Symbolizes the address of an instruction as `function+0x12`; `None` without a symbol.
pub type Names<'a> = &'a dyn Fn(u64) -> Option<String>;

/// Faults, with options of the table.
pub struct FaultReport<'a> {
    /// Faults of the recording.
    pub faults: &'a Faults,
    /// Symbolizer for `epc`.
    pub names: Names<'a>,
    /// For the table: list every fault, not only totals.
    pub each: bool,
    /// For the table: maximum number of rows of each total.
    pub top: usize,
}

impl View for FaultReport<'_> {
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        table::table(out, self)
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        json::json(out, self)
    }

    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::csv(out, self)
    }
}

/// Seconds with six decimals.
pub fn seconds(time_us: u64) -> String {
    format!("{}.{:06}", time_us / 1_000_000, time_us % 1_000_000)
}
