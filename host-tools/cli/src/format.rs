//! Output formats of every command.

use std::io::Write;

use clap::ValueEnum;
use view::View;

use crate::output;

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// One JSON object; its schema is in docs/json.md
    Json,
    /// A line for each row
    Csv,
}

impl Format {
    /// Writes the model to stdout.
    pub fn answer(self, model: &(impl View + ?Sized)) -> anyhow::Result<()> {
        output::answer(|out| self.write(out, model))
    }

    /// Writes the model in this format.
    pub fn write(self, out: &mut dyn Write, model: &(impl View + ?Sized)) -> anyhow::Result<()> {
        match self {
            Format::Table => model.table(out)?,
            Format::Json => model.json(out)?,
            Format::Csv => model.csv(out)?,
        }
        Ok(())
    }
}
