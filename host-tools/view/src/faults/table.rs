//! Faults in columns, with totals.

use std::io::{self, Write};

use model::Faults;
use model::ledger::LedgerRow;

use super::{FaultCells, FaultReport, Names, seconds, text};
use crate::columns::{ColumnSide, Columns, stream};
use crate::words::counted;

/// One row per fault, then totals by cause, task and page.
pub(super) fn table(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let faults = report.faults;
    let hex = hex_of(faults);
    if report.each && !faults.all().is_empty() {
        each(faults, report.names, &hex, out)?;
        writeln!(out)?;
    }
    summary(faults, out)?;
    let causes = faults.by_cause().into_iter();
    let causes = causes.map(|(cause, count)| {
        [
            count.to_string(),
            cause.number().to_string(),
            cause.to_string(),
        ]
    });
    total(out, ["cause", ""], causes.collect(), report.top)?;
    let tasks = faults.by_task();
    if tasks.iter().any(|(task, _)| task.is_some()) {
        let tasks = tasks.into_iter();
        let tasks = tasks.map(|(task, count)| [count.to_string(), task_word(task), String::new()]);
        total(out, ["task", ""], tasks.collect(), report.top)?;
    }
    let pages = faults.by_page().into_iter();
    let pages = pages.map(|(page, count)| [count.to_string(), text(page.task), hex(page.address)]);
    total(out, ["task", "page"], pages.collect(), report.top)?;
    match faults.on_other_pages() {
        0 => Ok(()),
        some => writeln!(
            out,
            "   and {} on pages beyond those that are counted",
            counted(some, "fault", "faults")
        ),
    }
}

fn each(
    faults: &Faults,
    names: Names<'_>,
    hex: &dyn Fn(u64) -> String,
    out: &mut dyn Write,
) -> io::Result<()> {
    use ColumnSide::{Left, Right};
    let headings = [
        ("boot", Right),
        ("seq", Right),
        ("seconds", Right),
        ("task", Right),
        ("cause", Left),
        ("by", Left),
        ("access", Left),
        ("address", Left),
        ("epc", Left),
        ("function", Left),
        ("region", Left),
        ("outcome", Left),
        ("level", Right),
        ("frame", Left),
        ("cost", Right),
    ];
    let has_boots = faults.boots() > 1;
    let row = |row: &LedgerRow| {
        let cells = FaultCells::of(row, names);
        let fault = &row.sighting.fault;
        let has_address = fault.cause().has_address() || fault.va != 0;
        let seconds = text(cells.seconds());
        [
            text(Some(cells.boot).filter(|_| has_boots)),
            text(cells.seq),
            seconds,
            text(cells.task),
            cells.text.into_owned(),
            text(cells.source),
            text(cells.access),
            if has_address {
                hex(cells.address.0)
            } else {
                "-".to_owned()
            },
            hex(cells.epc.0),
            text(cells.function),
            text(cells.region),
            text(cells.outcome),
            text(cells.level),
            text(cells.frame.map(|frame| format!("{:#010x}", frame.0))),
            text(cells.cost),
        ]
    };
    stream(out, headings, || faults.all().iter().map(row))
}

fn summary(faults: &Faults, out: &mut dyn Write) -> io::Result<()> {
    let count = faults.count();
    write!(
        out,
        "{count} {}",
        if count == 1 { "fault" } else { "faults" }
    )?;
    if let Some(rate) = faults.rate() {
        write!(
            out,
            " in {} s, at most {} in one millisecond",
            seconds(rate.span_us),
            rate.most_in_a_millisecond
        )?;
    }
    writeln!(out)?;
    let missing = [
        (faults.missing(), "missing between them"),
        (
            faults.overwritten(),
            "overwritten on the board before it could send them",
        ),
    ];
    for (count, what) in missing.into_iter().filter(|(count, _)| *count > 0) {
        writeln!(out, "{count} {what}")?;
    }
    Ok(())
}

/// Writes one total; rows beyond `top` are counted in a last line.
fn total(
    out: &mut dyn Write,
    [first, second]: [&'static str; 2],
    rows: Vec<[String; 3]>,
    top: usize,
) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut columns = Columns::new([
        ("faults", ColumnSide::Right),
        (first, ColumnSide::Right),
        (second, ColumnSide::Left),
    ]);
    let more = rows.len().saturating_sub(top);
    rows.into_iter().take(top).for_each(|row| columns.row(row));
    writeln!(out)?;
    columns.write(out, 0)?;
    if more > 0 {
        writeln!(out, "   and {more} more")?;
    }
    Ok(())
}

/// Formats addresses with eight digits if all fit, otherwise with sixteen.
fn hex_of(faults: &Faults) -> impl Fn(u64) -> String + use<> {
    let is_short = !faults.has_wide_addresses();
    let width = if is_short { 10 } else { 18 };
    move |address| format!("{address:#0width$x}")
}

fn task_word(task: Option<u16>) -> String {
    task.map_or_else(|| "-".to_owned(), |task| task.to_string())
}
