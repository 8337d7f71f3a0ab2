//! A span of time in numbers: schema `pagewalk.span/1`.

use std::io::{self, Write};

use abi::Class;
use model::Live;
use model::history::{
    CostFigures, FaultFilter, GroupCount, HeatAcross, HeatMap, HistoryNote, HistoryRow, Mark,
    MarkKind, SummaryOptions, TimeSpan,
};
use serde::Serialize;

use super::groups;
use crate::json::{Hex, JsonObject};
use crate::words;

/// Refused faults that a summary lists at most; the rest is counted.
const KILLED: usize = 100;

/// Which span, which faults of it, and how they are cut.
pub struct SpanRequest {
    /// `None` for the whole session.
    pub span: Option<TimeSpan>,
    /// Which faults.
    pub filter: FaultFilter,
    /// How they are cut.
    pub options: SummaryOptions,
}

#[derive(Serialize)]
struct JsonSpan {
    from_us: u64,
    end_us: u64,
}

impl From<TimeSpan> for JsonSpan {
    fn from(span: TimeSpan) -> JsonSpan {
        JsonSpan {
            from_us: span.from_us,
            end_us: span.end_us,
        }
    }
}

#[derive(Serialize)]
struct JsonGroup<'a> {
    group: String,
    filter: String,
    refusal: bool,
    colour: Option<u8>,
    count: u64,
    bins: &'a [u64],
}

#[derive(Serialize)]
struct JsonCost<'a> {
    outcome: Option<String>,
    filter: Option<String>,
    refusal: bool,
    colour: Option<u8>,
    count: u64,
    least: u32,
    p50: u32,
    p90: u32,
    p99: u32,
    most: u32,
    octaves: &'a [u64],
}

#[derive(Serialize)]
struct JsonHeat<'a> {
    row_bytes: u64,
    rows: Vec<Hex<u64>>,
    /// Kinds of region of each row's faults, with `+` between them.
    regions: Vec<String>,
    columns: usize,
    tasks: Vec<String>,
    cells: &'a [u64],
}

#[derive(Serialize)]
struct JsonSpanTask {
    task: Option<u16>,
    command: String,
    ended: bool,
    count: u64,
}

#[derive(Serialize)]
struct JsonMark {
    at_us: u64,
    kind: &'static str,
    text: String,
}

#[derive(Serialize)]
struct JsonNote {
    at_us: u64,
    text: String,
}

#[derive(Serialize)]
struct JsonKilled {
    id: u64,
    at_us: u64,
    task: String,
    outcome: String,
    address: Hex<u64>,
}

impl SpanRequest {
    /// Answers with the JSON.
    pub fn json(&self, out: &mut dyn Write, live: &Live) -> io::Result<()> {
        let history = &live.history;
        let whole = history.whole();
        let span = self.span.unwrap_or(whole);
        let summary = history.summarize(span, &self.filter, live.task_names(), &self.options);
        let mut object = JsonObject::begin(out, "pagewalk.span/1")?;
        object.member("from_us", span.from_us)?;
        object.member("end_us", span.end_us)?;
        object.member("whole", JsonSpan::from(whole))?;
        object.member("has_times", history.has_times())?;
        object.member("faults", summary.all)?;
        object.member("passing", summary.passing)?;
        object.member("refused", summary.refused)?;
        object.member("pages", summary.pages)?;
        object.member("bins", summary.bins.count)?;
        object.list("groups", summary.groups.iter().map(|it| group(live, it)))?;
        object.list("costs", summary.costs.iter().map(cost))?;
        object.member("cost_bins", &summary.cost_bins)?;
        object.member("across", across(self.options.across))?;
        object.member("heat", heat(live, &summary.heat))?;
        let tasks = summary.tasks.iter().map(|(task, count)| {
            let known = task.and_then(|task| live.known.get(task));
            JsonSpanTask {
                task: *task,
                command: known.map_or_else(String::new, |it| words::printable(&it.command)),
                ended: known.is_some_and(|it| it.has_ended),
                count: *count,
            }
        });
        object.list("tasks", tasks)?;
        let marks = history.marks().filter(|mark| span.contains(mark.at_us));
        object.list("marks", marks.map(mark))?;
        let notes = history.notes().filter(|note| span.contains(note.at_us));
        object.list("notes", notes.map(note))?;
        // However long ago, and whatever is selected: what died is the first thing to know.
        object.member("killed_in_all", history.refused().count())?;
        let killed = history.refused().rev().take(KILLED);
        object.list("killed", killed.map(|(id, row)| killed_row(live, id, row)))?;
        object.end()
    }
}

fn across(across: HeatAcross) -> &'static str {
    match across {
        HeatAcross::Time => "time",
        HeatAcross::Task => "task",
    }
}

fn group<'a>(live: &Live, counted: &'a GroupCount) -> JsonGroup<'a> {
    let name = groups::name(live, counted.group);
    JsonGroup {
        group: name.text,
        filter: name.filter,
        refusal: name.is_refusal,
        colour: name.colour,
        count: counted.count,
        bins: &counted.bins,
    }
}

fn cost(figures: &CostFigures) -> JsonCost<'_> {
    let name = figures.outcome.map(groups::outcome);
    JsonCost {
        outcome: name.as_ref().map(|it| it.text.clone()),
        refusal: name.as_ref().is_some_and(|it| it.is_refusal),
        colour: name.as_ref().and_then(|it| it.colour),
        filter: name.map(|it| it.filter),
        count: figures.count,
        least: figures.least,
        p50: figures.p50,
        p90: figures.p90,
        p99: figures.p99,
        most: figures.most,
        octaves: &figures.octaves,
    }
}

fn heat<'a>(live: &Live, heat: &'a HeatMap) -> JsonHeat<'a> {
    let task = |task: &Option<u16>| match task {
        Some(task) => groups::task_name(live, *task),
        None => "no task".to_owned(),
    };
    JsonHeat {
        row_bytes: heat.row_bytes,
        rows: heat.rows.iter().map(|at| Hex(*at)).collect(),
        regions: heat
            .regions
            .iter()
            .map(|kinds| region_names(*kinds))
            .collect(),
        columns: heat.columns,
        tasks: heat.tasks.iter().map(task).collect(),
        cells: &heat.cells,
    }
}

/// The names of the classes whose bits are set, with `+` between them; empty where only faults without a region were.
pub fn region_names(kinds: u32) -> String {
    let set = (0..u32::BITS as u8).filter(|class| kinds >> class & 1 == 1);
    let named = set.map(Class::decode).filter(|class| *class != Class::None);
    let names: Vec<String> = named.map(|class| class.to_string()).collect();
    names.join("+")
}

fn mark(mark: &Mark) -> JsonMark {
    let (kind, text) = match mark.kind {
        MarkKind::Boot(boot) => ("boot", format!("boot {boot}")),
        MarkKind::Lost(count) => ("lost", format!("{count} lost")),
    };
    JsonMark {
        at_us: mark.at_us,
        kind,
        text,
    }
}

fn note(note: &HistoryNote) -> JsonNote {
    JsonNote {
        at_us: note.at_us,
        text: words::printable(&note.text),
    }
}

fn killed_row(live: &Live, id: u64, row: &HistoryRow) -> JsonKilled {
    let fault = row.fault();
    JsonKilled {
        id,
        at_us: row.at_us,
        task: fault
            .task()
            .map_or_else(String::new, |it| groups::task_name(live, it)),
        outcome: fault.outcome().to_string(),
        address: Hex(fault.va),
    }
}
