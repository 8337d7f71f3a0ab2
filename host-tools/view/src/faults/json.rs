//! Faults as JSON: schema `pagewalk.faults/1`, see docs/json.md.

use std::io::{self, Write};

use abi::{Fault, Sighting};
use model::ledger::LedgerRow;
use serde::Serialize;

use super::{FaultReport, Names, words};
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

#[derive(Serialize)]
struct JsonFault {
    boot: u32,
    seq: Option<u64>,
    time_us: Option<u64>,
    task: Option<u16>,
    cause: u8,
    text: JsonText<abi::Cause>,
    source: Option<String>,
    access: Option<String>,
    address: Hex<u64>,
    epc: Hex<u64>,
    function: Option<String>,
    region: Option<String>,
    outcome: Option<String>,
    level: Option<u8>,
    entry: Option<Hex<u64>>,
    frame: Option<Hex<u64>>,
    satp: Option<Hex<u64>>,
    cost: Option<u32>,
}

/// Writes the totals, then every fault.
pub fn json(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let FaultReport { faults, names, .. } = *report;
    let mut object = JsonObject::begin(out, "pagewalk.faults/1")?;
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
    object.list("pages", pages)?;
    object.list(
        "faults",
        faults.all().iter().map(|row| json_row(row, names)),
    )?;
    object.end()
}

fn json_row(row: &LedgerRow, names: Names<'_>) -> JsonFault {
    let LedgerRow { boot, sighting, .. } = *row;
    let Sighting {
        seq,
        time_us,
        fault,
    } = sighting;
    let words = words(&fault);
    JsonFault {
        boot,
        seq,
        time_us,
        task: fault.task(),
        cause: fault.cause,
        text: JsonText(fault.cause()),
        source: words.source,
        access: words.access,
        address: Hex(fault.va),
        epc: Hex(fault.epc),
        function: names(fault.epc),
        region: words.class,
        outcome: words.outcome,
        level: fault.level(),
        entry: entry(&fault).map(Hex),
        frame: fault.frame().map(Hex),
        satp: Some(fault.satp).filter(|satp| *satp != 0).map(Hex),
        cost: Some(fault.cost).filter(|cost| *cost != 0),
    }
}

/// The entry where the walk stopped, if one was walked.
fn entry(fault: &Fault) -> Option<u64> {
    fault.level().map(|_| fault.entry)
}
