//! What lies where in an image, as a table, JSON or CSV.

use std::io::{self, Write};

use model::ImageLayout;
use model::layout::ImagePart;
use serde::Serialize;

use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};

/// For people: the parts, the facts, the verdict.
pub fn table(out: &mut dyn Write, layout: &ImageLayout) -> io::Result<()> {
    let mut columns = Columns::new([
        ("offset", ColumnSide::Left),
        ("size", ColumnSide::Right),
        ("what", ColumnSide::Left),
    ]);
    for part in &layout.parts {
        columns.row([
            format!("{:#012x}", part.at),
            part.size.to_string(),
            part.what.clone(),
        ]);
    }
    columns.write(out, 0)?;
    let width = layout
        .facts
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or(0);
    if width > 0 {
        writeln!(out)?;
    }
    for (name, value) in &layout.facts {
        writeln!(out, "{name:<width$}  {value}")?;
    }
    let Some(board) = &layout.board else {
        return problems(out, layout);
    };
    writeln!(out)?;
    match layout.problems.is_empty() {
        true => writeln!(out, "{board} will boot it, as far as a file can tell"),
        false => {
            writeln!(out, "{board} will not boot it")?;
            problems(out, layout)
        }
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

/// Schema `pagewalk.layout/1`, in docs/json.md.
pub fn json(out: &mut dyn Write, layout: &ImageLayout) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.layout/1")?;
    object.member("size", layout.size)?;
    object.list("parts", layout.parts.iter().map(row))?;
    object.list("facts", layout.facts.iter())?;
    object.member("board", layout.board.as_deref())?;
    object.list("problems", layout.problems.iter())?;
    object.end()
}

/// The parts, one a line.
pub fn csv(out: &mut dyn Write, layout: &ImageLayout) -> io::Result<()> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(["at", "size", "what"])?;
    for part in &layout.parts {
        table.write_record([
            &format!("{:#x}", part.at),
            &part.size.to_string(),
            part.what.trim_start(),
        ])?;
    }
    table.flush()
}
