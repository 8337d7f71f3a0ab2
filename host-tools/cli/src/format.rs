//! How an answer is written.

use std::io::Write;

use clap::ValueEnum;
use view::View;

use crate::output;

/// A form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns for people
    Table,
    /// One object; docs/json.md has the schemas
    Json,
    /// A line for each row
    Csv,
}

impl Format {
    /// Answers on stdout in this form.
    pub fn answer(self, model: &(impl View + ?Sized)) -> anyhow::Result<()> {
        output::answer(|out| self.write(out, model))
    }

    /// Writes the model in this form.
    pub fn write(self, out: &mut dyn Write, model: &(impl View + ?Sized)) -> anyhow::Result<()> {
        match self {
            Format::Table => model.table(out)?,
            Format::Json => model.json(out)?,
            Format::Csv => model.csv(out)?,
        }
        Ok(())
    }
}
