//! How an answer is written.

use std::io::{self, Write};

use clap::ValueEnum;

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

/// A view: a model on its way to a writer.
pub type View<T> = fn(&mut dyn Write, &T) -> io::Result<()>;

impl Format {
    /// Answers on stdout with the view of this form.
    pub fn answer<T: ?Sized>(
        self,
        model: &T,
        table: View<T>,
        json: View<T>,
        csv: View<T>,
    ) -> anyhow::Result<()> {
        output::answer(|out| self.write(out, model, table, json, csv))
    }

    /// Writes the view of this form.
    pub fn write<T: ?Sized>(
        self,
        out: &mut dyn Write,
        model: &T,
        table: View<T>,
        json: View<T>,
        csv: View<T>,
    ) -> anyhow::Result<()> {
        let view = match self {
            Format::Table => table,
            Format::Json => json,
            Format::Csv => csv,
        };
        Ok(view(out, model)?)
    }
}
