//! The parts of an image as a table, JSON or CSV.

use std::io::{self, Write};

use model::ImageLayout;
use model::layout::ImagePart;
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};

impl View for ImageLayout {
    /// Parts, facts, problems.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut columns = Columns::new([
            ("offset", ColumnSide::Left),
            ("size", ColumnSide::Right),
            ("what", ColumnSide::Left),
        ]);
        for part in &self.parts {
            columns.row([
                format!("{:#012x}", part.at),
                part.size.to_string(),
                part.what.clone(),
            ]);
        }
        columns.write(out, 0)?;
        let width = self
            .facts
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        if width > 0 {
            writeln!(out)?;
        }
        for (name, value) in &self.facts {
            writeln!(out, "{name:<width$}  {value}")?;
        }
        let Some(board) = &self.board else {
            return problems(out, self);
        };
        writeln!(out)?;
        match self.problems.is_empty() {
            true => writeln!(out, "{board} will boot it, as far as a file shows"),
            false => {
                writeln!(out, "{board} will not boot it")?;
                problems(out, self)
            }
        }
    }

    /// Schema `pagewalk.layout/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.layout/1")?;
        object.member("size", self.size)?;
        object.list("parts", self.parts.iter().map(row))?;
        object.list("facts", self.facts.iter())?;
        object.member("board", self.board.as_deref())?;
        object.list("problems", self.problems.iter())?;
        object.end()
    }

    /// One row per part.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["at", "size", "what"])?;
        for part in &self.parts {
            table.write_record([
                &format!("{:#x}", part.at),
                &part.size.to_string(),
                part.what.trim_start(),
            ])?;
        }
        table.flush()
    }
}

fn problems(out: &mut dyn Write, layout: &ImageLayout) -> io::Result<()> {
    layout
        .problems
        .iter()
        .try_for_each(|problem| writeln!(out, "problem: {problem}"))
}

#[derive(Serialize)]
struct LayoutRow<'a> {
    at: Hex<u64>,
    size: u64,
    what: &'a str,
}

fn row(part: &ImagePart) -> LayoutRow<'_> {
    LayoutRow {
        at: Hex(part.at),
        size: part.size,
        what: part.what.trim_start(),
    }
}
