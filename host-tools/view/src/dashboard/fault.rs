//! One fault explained: schema `pagewalk.fault/1`.

use std::io::{self, Write};

use abi::{Fault, Outcome};
use model::Live;
use model::history::HistoryRow;
use model::ledger::LedgerRow;
use pagetable::Mode;
use serde::Serialize;

use super::{Sources, groups};
use crate::faults::{FaultCells, text};
use crate::json::JsonObject;
use crate::recorded_walk;

/// Faults of the same page that are listed before the fault, and after it.
const NEIGHBOURS: usize = 8;

/// Asks for one fault.
pub struct FaultDetail {
    /// Its id: the order of arrival, from 1.
    pub id: u64,
    /// The board or recording, as a command of pagewalk would name it.
    pub spec: String,
}

#[derive(Serialize)]
struct JsonNeighbour {
    id: u64,
    at_us: u64,
    task: String,
    access: String,
    outcome: String,
    cost: Option<u32>,
}

#[derive(Serialize)]
struct JsonCommand {
    tool: &'static str,
    command: String,
}

impl FaultDetail {
    /// Answers with the JSON; `Ok(false)`, and nothing written, where no such fault is kept.
    pub fn json(
        &self,
        out: &mut dyn Write,
        live: &Live,
        sources: &Sources<'_>,
    ) -> io::Result<bool> {
        let Some(row) = live.history.get(self.id) else {
            return Ok(false);
        };
        let whole = live.history.row(self.id, row);
        let fault = whole.sighting.fault;
        let page = row.page();
        let of_page: Vec<(u64, &HistoryRow)> = live
            .history
            .rows()
            .filter(|(_, it)| page.is_some() && it.page() == page)
            .filter(|(_, it)| it.fault().task == fault.task)
            .collect();
        let here = of_page.partition_point(|(id, _)| *id < self.id);
        let after = of_page.get(here..).unwrap_or_default();
        let after = after.iter().filter(|(id, _)| *id != self.id);
        let mut object = JsonObject::begin(out, "pagewalk.fault/1")?;
        object.member("id", self.id)?;
        object.member("at_us", row.at_us)?;
        object.member("refusal", row.is_refusal())?;
        let task = fault.task().map(|task| groups::task_name(live, task));
        object.member("task_name", task)?;
        object.member("text", sentence(&whole))?;
        object.member("line", (sources.lines)(fault.epc))?;
        object.member("cells", FaultCells::of(&whole, sources.names))?;
        object.member("mode", recorded_walk::mode(&fault).map(Mode::name))?;
        object.list("walk", recorded_walk::steps(&fault))?;
        object.member("page_faults", of_page.len())?;
        let before = of_page[..here].iter().rev().take(NEIGHBOURS).rev();
        object.list("before", before.map(|it| neighbour(live, it)))?;
        object.list(
            "after",
            after.take(NEIGHBOURS).map(|it| neighbour(live, it)),
        )?;
        object.list("commands", self.commands(&fault))?;
        object.end()?;
        Ok(true)
    }

    /// The same in lines of text; `None` where no such fault is kept.
    pub fn lines(&self, live: &Live, sources: &Sources<'_>) -> Option<Vec<String>> {
        let row = live.history.get(self.id)?;
        let whole = live.history.row(self.id, row);
        let fault = whole.sighting.fault;
        let mut lines = vec![sentence(&whole)];
        let place = (sources.names)(fault.epc);
        lines.extend(place.map(|name| format!("by {name}")));
        if let Some(task) = fault.task() {
            lines.push(format!("task {}", groups::task_name(live, task)));
        }
        lines.push(String::new());
        lines.extend(recorded_walk::lines(&fault));
        let same = live.history.rows().filter(|(_, it)| {
            row.page().is_some() && it.page() == row.page() && it.fault().task == fault.task
        });
        let (mut before, mut after) = (0, 0);
        for (id, _) in same {
            match id < self.id {
                true => before += 1,
                false => after += u64::from(id > self.id),
            }
        }
        lines.push(String::new());
        lines.push(format!(
            "on this page: {before} faults of the task before, {after} after"
        ));
        for JsonCommand { tool, command } in self.commands(&fault) {
            lines.push(format!("{tool}: {command}"));
        }
        Some(lines)
    }

    fn commands(&self, fault: &Fault) -> Vec<JsonCommand> {
        let of = |tool, command| JsonCommand { tool, command };
        let spec = quoted(&self.spec);
        let task = fault
            .task()
            .map_or_else(String::new, |task| format!(" --task {task}"));
        let words = match fault.task() {
            Some(task) => format!("task:{task} addr:{:#x}", fault.page()),
            None => format!("addr:{:#x}", fault.page()),
        };
        vec![
            of(
                "pagewalk",
                format!("pagewalk walk {:#x} --from {spec}{task}", fault.va),
            ),
            of("gdb", format!("pw walk {:#x}", fault.va)),
            of("filter", words),
        ]
    }
}

/// A word for a shell. A name of a board's line may hold anything.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-:@=,+".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// What happened, in one sentence.
fn sentence(row: &LedgerRow) -> String {
    let fault = &row.sighting.fault;
    let cells = FaultCells::of(row, &|_| None);
    let who = fault
        .task()
        .map_or_else(|| "A program".to_owned(), |task| format!("Task {task}"));
    let what = match cells.access.as_deref() {
        Some("write") => "stored to",
        Some("execute") => "fetched from",
        Some("read") => "loaded from",
        _ => "trapped at",
    };
    let region = cells.region.as_deref().filter(|it| *it != "none");
    let region = region.map_or_else(String::new, |it| format!(" ({it})"));
    let end = match fault.outcome() {
        Outcome::None => cells.text.into_owned(),
        outcome if outcome.is_refusal() => format!("refused, {outcome}: the task was ended"),
        outcome => match fault.frame() {
            Some(frame) => format!("{outcome}, frame {frame:#x}"),
            None => outcome.to_string(),
        },
    };
    let cost = cells
        .cost
        .map_or_else(String::new, |it| format!("; {it} instructions"));
    format!(
        "{who} {what} {:#x}{region} at pc {:#x}: {end}{cost}",
        fault.va, fault.epc
    )
}

fn neighbour(live: &Live, (id, row): &(u64, &HistoryRow)) -> JsonNeighbour {
    let fault = row.fault();
    let cells = FaultCells::of(&live.history.row(*id, row), &|_| None);
    JsonNeighbour {
        id: *id,
        at_us: row.at_us,
        task: fault
            .task()
            .map_or_else(String::new, |task| groups::task_name(live, task)),
        access: text(cells.access),
        outcome: text(cells.outcome),
        cost: row.cost(),
    }
}

#[cfg(test)]
mod tests {
    use abi::{Access, Cause, Class, Sighting};
    use model::live::Update;

    use super::*;

    fn live() -> Live {
        let mut live = Live::default();
        for (seq, va, outcome) in [
            (0, 0x20_0000_0010, Outcome::Zeroed),
            (1, 0x20_0000_0020, Outcome::AccessBits),
            (2, 0x8, Outcome::NoRegion),
        ] {
            live.apply(Update::Fault(Sighting {
                seq: Some(seq),
                time_us: Some(seq * 1000),
                fault: Fault {
                    cause: Cause::StorePageFault.number(),
                    access: Access::Write.number(),
                    class: Class::Heap.number(),
                    outcome: outcome.number(),
                    va,
                    epc: 0x1_0424,
                    task: 3,
                    level: 1,
                    cost: 433,
                    frame: 0x8_0305,
                    satp: 8 << 60 | 0x8_0200,
                    ..Fault::EMPTY
                },
            }));
        }
        live
    }

    fn asked(id: u64) -> Option<serde_json::Value> {
        let detail = FaultDetail {
            id,
            spec: "my board.pwlog".to_owned(),
        };
        let mut out = Vec::new();
        let found = detail.json(&mut out, &live(), &Sources::NONE).unwrap();
        found.then(|| serde_json::from_slice(&out).unwrap())
    }

    #[test]
    fn a_fault_says_what_stopped_it_and_what_came_before() {
        let fault = asked(2).unwrap();
        assert_eq!(
            fault["text"],
            "Task 3 stored to 0x2000000020 (heap) at pc 0x10424: A/D set, frame 0x80305000; 433 instructions"
        );
        let walk = fault["walk"].as_array().unwrap();
        assert_eq!(walk.len(), 2, "{walk:?}");
        assert_eq!(
            (walk[0]["level"].as_u64(), walk[0]["index"].as_u64()),
            (Some(2), Some(0x80))
        );
        assert_eq!(walk[1]["text"], "the entry is zero: nothing is mapped");
        assert_eq!(
            (
                fault["before"].as_array().unwrap().len(),
                fault["page_faults"].as_u64()
            ),
            (1, Some(2))
        );
        assert_eq!(
            fault["commands"][0]["command"],
            "pagewalk walk 0x2000000020 --from 'my board.pwlog' --task 3"
        );
    }

    #[test]
    fn a_refused_fault_and_one_that_is_not_kept() {
        let fault = asked(3).unwrap();
        assert_eq!(fault["refusal"], true);
        assert!(
            fault["text"]
                .as_str()
                .unwrap()
                .contains("the task was ended")
        );
        assert!(asked(4).is_none() && asked(0).is_none());
    }
}
