//! Faults as a table, as JSON, as CSV.

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

/// Names an instruction's address, as `function+0x12`; `None` if it cannot.
pub type Names<'a> = &'a dyn Fn(u64) -> Option<String>;

/// Faults, and how much of them to show.
pub struct FaultReport<'a> {
    /// The faults.
    pub faults: &'a Faults,
    /// What names their instructions.
    pub names: Names<'a>,
    /// In a table: every fault, or only the totals.
    pub each: bool,
    /// In a table: rows of each total at most.
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

/// Seconds with six places.
pub(crate) fn seconds(time_us: u64) -> String {
    format!("{}.{:06}", time_us / 1_000_000, time_us % 1_000_000)
}
