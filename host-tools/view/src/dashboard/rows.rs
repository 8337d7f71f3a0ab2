//! Rows of faults, folded, sorted and cut: schema `pagewalk.rows/1`.

use std::io::{self, Write};

use model::Live;
use model::history::{FaultFilter, HistoryRow, TimeSpan};
use model::ledger::LedgerRow;
use serde::Serialize;

use super::{Sources, groups};
use crate::faults::FaultCells;
use crate::json::JsonObject;

/// Order of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowOrder {
    /// In order of arrival: neighbours that are alike can be folded.
    #[default]
    Time,
    /// By faulting address.
    Address,
    /// By cost in instructions; without one first.
    Cost,
    /// By task id.
    Task,
    /// By exception code.
    Cause,
}

/// Which rows.
pub struct RowsRequest {
    /// `None` for the whole session.
    pub span: Option<TimeSpan>,
    /// Which faults.
    pub filter: FaultFilter,
    /// In which order.
    pub order: RowOrder,
    /// The last ones first.
    pub descending: bool,
    /// Neighbours that differ in time and cost alone are one row; in order of time.
    pub fold: bool,
    /// How many rows are passed over.
    pub offset: usize,
    /// How many rows are given at most.
    pub limit: usize,
}

/// A row: one fault, or several that are alike.
#[derive(Clone, Copy)]
struct Folded {
    first: u64,
    last: u64,
    count: u64,
}

#[derive(Serialize)]
struct JsonRow {
    id: u64,
    last_id: u64,
    count: u64,
    at_us: u64,
    command: String,
    refusal: bool,
    colour: Option<u8>,
    line: Option<String>,
    #[serde(flatten)]
    cells: FaultCells,
}

/// A row for a terminal.
pub struct FoldedRow {
    /// Id of its first fault.
    pub id: u64,
    /// How many faults it stands for.
    pub count: u64,
    /// Its first fault.
    pub row: LedgerRow,
    /// It ended its task.
    pub is_refusal: bool,
}

impl RowsRequest {
    /// The rows themselves, and how many there are before they are cut.
    pub fn rows(&self, live: &Live) -> (usize, Vec<FoldedRow>) {
        let rows = self.select(live);
        let shown = rows.iter().skip(self.offset).take(self.limit);
        let row = |folded: &Folded| {
            let row = live.history.get(folded.first)?;
            Some(FoldedRow {
                id: folded.first,
                count: folded.count,
                row: live.history.row(folded.first, row),
                is_refusal: row.is_refusal(),
            })
        };
        (rows.len(), shown.filter_map(row).collect())
    }

    /// Answers with the JSON.
    pub fn json(&self, out: &mut dyn Write, live: &Live, sources: &Sources<'_>) -> io::Result<()> {
        let rows = self.select(live);
        let mut object = JsonObject::begin(out, "pagewalk.rows/1")?;
        object.member("passing", rows.iter().map(|row| row.count).sum::<u64>())?;
        object.member("rows_in_all", rows.len())?;
        object.member("offset", self.offset)?;
        let shown = rows.iter().skip(self.offset).take(self.limit);
        object.list("rows", shown.filter_map(|row| json_row(live, row, sources)))?;
        object.end()
    }

    fn select(&self, live: &Live) -> Vec<Folded> {
        let history = &live.history;
        let span = self.span.unwrap_or(history.whole());
        let names = live.task_names();
        let passing = history
            .rows()
            .filter(|(_, row)| span.contains(row.at_us) && self.filter.passes(row, names));
        let mut rows = match self.order == RowOrder::Time && self.fold {
            true => fold(passing),
            false => sorted(passing, self.order),
        };
        if self.descending {
            rows.reverse();
        }
        rows
    }
}

fn fold<'a>(rows: impl Iterator<Item = (u64, &'a HistoryRow)>) -> Vec<Folded> {
    let mut folded: Vec<(Folded, &HistoryRow)> = Vec::new();
    for (id, row) in rows {
        match folded.last_mut() {
            Some((last, like)) if like.is_like(row) => {
                (last.last, last.count) = (id, last.count + 1);
            }
            _ => folded.push((single(id), row)),
        }
    }
    folded.into_iter().map(|(row, _)| row).collect()
}

fn single(id: u64) -> Folded {
    Folded {
        first: id,
        last: id,
        count: 1,
    }
}

fn sorted<'a>(rows: impl Iterator<Item = (u64, &'a HistoryRow)>, order: RowOrder) -> Vec<Folded> {
    let key = |row: &HistoryRow| {
        let fault = row.fault();
        match order {
            RowOrder::Time => 0,
            RowOrder::Address => fault.va,
            RowOrder::Cost => row.cost().map_or(0, u64::from),
            RowOrder::Task => fault.task.into(),
            RowOrder::Cause => fault.cause.into(),
        }
    };
    let mut rows: Vec<(u64, u64)> = rows.map(|(id, row)| (key(row), id)).collect();
    rows.sort_unstable();
    rows.into_iter().map(|(_, id)| single(id)).collect()
}

fn json_row(live: &Live, folded: &Folded, sources: &Sources<'_>) -> Option<JsonRow> {
    let row = live.history.get(folded.first)?;
    let task = row.fault().task();
    let command = task.and_then(|task| live.known.get(task));
    Some(JsonRow {
        id: folded.first,
        last_id: folded.last,
        count: folded.count,
        at_us: row.at_us,
        command: command.map_or_else(String::new, |_| {
            task.map_or_else(String::new, |task| groups::task_name(live, task))
        }),
        refusal: row.is_refusal(),
        colour: groups::outcome(row.fault().outcome).colour,
        line: (sources.lines)(row.fault().epc),
        cells: FaultCells::of(&live.history.row(folded.first, row), sources.names),
    })
}
