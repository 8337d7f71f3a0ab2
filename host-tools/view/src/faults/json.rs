//! Faults as JSON: schema `pagewalk.faults/1`, in docs/json.md.

use std::io::{self, Write};

use model::Faults;
use model::ledger::LedgerRow;
use serde::Serialize;

use super::{FaultCells, FaultReport, Names};
use crate::json::{Hex, JsonObject, JsonText};

#[derive(Serialize)]
struct JsonRate {
    faults: u64,
    span_us: u64,
    most_in_a_millisecond: u64,
}

#[derive(Serialize)]
struct OfCause {
    cause: u8,
    text: JsonText<abi::Cause>,
    faults: u64,
}

#[derive(Serialize)]
struct OfTask {
    task: Option<u16>,
    faults: u64,
}

#[derive(Serialize)]
struct OfPage {
    task: Option<u16>,
    page: Hex<u64>,
    faults: u64,
}

/// Writes the totals, then every fault.
pub(super) fn json(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let FaultReport { faults, names, .. } = *report;
    let mut object = JsonObject::begin(out, "pagewalk.faults/1")?;
    totals(&mut object, faults)?;
    let rows = faults.all().iter();
    object.list("faults", rows.map(|row| FaultCells::of(row, names)))?;
    object.end()
}

/// Writes the same object for a log that is too long to keep: faults first, then the totals.
pub struct JsonStream<'a> {
    object: JsonObject<'a>,
    names: Names<'a>,
    is_first: bool,
}

impl<'a> JsonStream<'a> {
    /// Opens the object and its list of faults.
    pub fn begin(out: &'a mut dyn Write, names: Names<'a>) -> io::Result<Self> {
        let mut object = JsonObject::begin(out, "pagewalk.faults/1")?;
        object.begin_list("faults")?;
        Ok(JsonStream {
            object,
            names,
            is_first: true,
        })
    }

    /// Writes a fault.
    pub fn row(&mut self, row: &LedgerRow) -> io::Result<()> {
        let is_first = std::mem::take(&mut self.is_first);
        self.object.item(FaultCells::of(row, self.names), is_first)
    }

    /// Writes the totals and closes the object.
    pub fn end(mut self, faults: &Faults) -> io::Result<()> {
        self.object.end_list()?;
        totals(&mut self.object, faults)?;
        self.object.end()
    }
}

pub(crate) fn totals(object: &mut JsonObject<'_>, faults: &Faults) -> io::Result<()> {
    object.member("boots", faults.boots())?;
    object.member("missing", faults.missing())?;
    object.member("overwritten", faults.overwritten())?;
    let rate = faults.rate().map(|rate| JsonRate {
        faults: rate.faults,
        span_us: rate.span_us,
        most_in_a_millisecond: rate.most_in_a_millisecond,
    });
    object.member("rate", rate)?;
    let causes = faults
        .by_cause()
        .into_iter()
        .map(|(cause, faults)| OfCause {
            cause: cause.number(),
            text: JsonText(cause),
            faults,
        });
    object.list("causes", causes)?;
    let tasks = faults
        .by_task()
        .into_iter()
        .map(|(task, faults)| OfTask { task, faults });
    object.list("tasks", tasks)?;
    let pages = faults.by_page().into_iter().map(|(page, faults)| OfPage {
        task: page.task,
        page: Hex(page.address),
        faults,
    });
    object.list("pages", pages)
}
