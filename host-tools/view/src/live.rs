//! Live output: a line per fault, and JSON for dashboards.

use std::collections::BTreeMap;
use std::io::{self, Write};

use model::ledger::LedgerRow;
use model::live::Live;
use model::owners::{MemoryOwner, OwnedPart, owned_parts};
use model::space::MappedRange;
use model::working::{Used, WorkingSet};
use serde::Serialize;

use crate::faults::{FaultCells, text};
use crate::json::{Hex, JsonObject};
use crate::words;

/// Number of seconds in a dashboard's chart.
const SECONDS: usize = 120;
/// Maximum number of bands in a dashboard's address space.
const BANDS: usize = 8;
/// Maximum number of parts of physical memory.
const OWNED: usize = 1000;

/// Cells of a fault in a one-line view; empty where unknown.
pub struct LiveCells {
    /// Seconds since boot with six decimals.
    pub time: String,
    /// Task id in decimal.
    pub task: String,
    /// Cause as text.
    pub cause: String,
    /// Access type as text.
    pub access: String,
    /// Faulting address in hexadecimal.
    pub va: String,
    /// Address of the instruction in hexadecimal.
    pub epc: String,
    /// Outcome as text.
    pub outcome: String,
}

/// Formats a row.
pub fn cells(row: &LedgerRow) -> LiveCells {
    let cells = FaultCells::of(row, &|_| None);
    LiveCells {
        time: text(cells.seconds()),
        task: text(cells.task),
        cause: cells.text.into_owned(),
        access: text(cells.access),
        va: cells.address.to_string(),
        epc: cells.epc.to_string(),
        outcome: text(cells.outcome),
    }
}

/// Writes a fault as one line, for output that is not a terminal.
pub fn line(out: &mut dyn Write, row: &LedgerRow) -> io::Result<()> {
    let cells = cells(row);
    write!(out, "{:>12}", cells.time)?;
    if !cells.task.is_empty() {
        write!(out, "  task {:<3}", cells.task)?;
    }
    write!(
        out,
        "  {:<24} {:<18} by {}",
        cells.cause, cells.va, cells.epc
    )?;
    if !cells.outcome.is_empty() {
        write!(out, "  {}", cells.outcome)?;
    }
    writeln!(out)
}

#[derive(Serialize)]
struct JsonRow {
    id: u64,
    boot: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    time: String,
    task: String,
    cause: String,
    access: String,
    va: String,
    epc: String,
    outcome: String,
}

/// Rows as a JSON list on one line.
pub fn rows_json<'a>(
    out: &mut dyn Write,
    rows: impl Iterator<Item = &'a LedgerRow>,
) -> io::Result<()> {
    let rows: Vec<JsonRow> = rows
        .map(|row| {
            let cells = cells(row);
            JsonRow {
                id: row.id,
                boot: row.boot,
                seq: row.sighting.seq,
                time: cells.time,
                task: cells.task,
                cause: cells.cause,
                access: cells.access,
                va: cells.va,
                epc: cells.epc,
                outcome: cells.outcome,
            }
        })
        .collect();
    Ok(serde_json::to_writer(out, &rows)?)
}

#[derive(Serialize)]
struct JsonSecond {
    second: u64,
    counts: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct JsonCause {
    cause: String,
    count: u64,
}

#[derive(Serialize)]
struct JsonLiveTask<'a> {
    pid: u64,
    state: &'a str,
    resident: u64,
    tables: u64,
    faults: u64,
    command: &'a str,
    /// Bytes of user pages with A set, and with D set; null as long as the tables have not been read.
    used: Option<u128>,
    written: Option<u128>,
    bands: Vec<JsonBand>,
}

#[derive(Serialize)]
struct JsonExtent {
    at: Hex<u64>,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonOwned {
    at: Hex<u64>,
    bytes: u64,
    owner: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u64>,
}

#[derive(Serialize)]
struct JsonBand {
    va: Hex<u64>,
    bytes: u64,
    ranges: Vec<JsonBandRange>,
}

#[derive(Serialize)]
struct JsonBandRange {
    va: Hex<u64>,
    bytes: u64,
    perms: String,
}

fn band(band: &model::space::Band<'_>) -> JsonBand {
    let range = |range: &MappedRange| JsonBandRange {
        va: Hex(range.va.raw()),
        bytes: range.bytes,
        perms: range.leaf.pte.flags().to_string(),
    };
    JsonBand {
        va: Hex(band.va().raw()),
        bytes: band.bytes,
        ranges: band.ranges.iter().map(range).collect(),
    }
}

/// Bytes of a task's own pages that were used, and that were written.
fn used(live: &Live, pid: u64) -> Option<(u128, u128)> {
    let set = WorkingSet::of(live.spaces.get(&pid)?);
    let user = set
        .permissions
        .iter()
        .filter(|(perms, _)| perms.contains('u'));
    let sum = |sum: (u128, u128), used: &Used| (sum.0 + used.accessed, sum.1 + used.dirty);
    Some(user.fold((0, 0), |all, (_, used)| sum(all, used)))
}

/// The parts of RAM that tasks and tables have; the rest is the kernel's, or free.
fn owned(live: &Live) -> Vec<JsonOwned> {
    let pids: Vec<u64> = live.spaces.keys().copied().collect();
    let row = |part: OwnedPart| {
        let (owner, pid) = match part.owner {
            MemoryOwner::Kernel => return None,
            MemoryOwner::Tables => ("tables", None),
            MemoryOwner::Shared => ("shared", None),
            MemoryOwner::Space(place) => ("task", pids.get(place).copied()),
        };
        let (at, bytes) = (Hex(part.at), part.bytes);
        let is_ram = |(base, length): &(u64, u64)| part.at >= *base && part.at - base < *length;
        live.ram.iter().any(is_ram).then_some(JsonOwned {
            at,
            bytes,
            owner,
            pid,
        })
    };
    let parts = owned_parts(live.spaces.values()).into_iter();
    parts.filter_map(row).collect()
}

/// Everything except the rows: schema `pagewalk.live/1`.
pub fn json(out: &mut dyn Write, live: &Live) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.live/1")?;
    object.member("board", live.board.as_ref().map(|(name, _)| name))?;
    object.member("xlen", live.board.as_ref().map(|(_, xlen)| xlen))?;
    object.member("boots", live.boots())?;
    object.member("shown", live.received())?;
    object.member("lost", live.lost())?;
    object.member("repeated", live.repeated())?;
    object.member("missed_frames", live.missed_frames())?;
    object.member("ended", live.ended)?;
    object.member("trouble", live.trouble.as_deref())?;
    let causes = live.by_cause().into_iter().map(|(cause, count)| JsonCause {
        cause: cause.to_string(),
        count,
    });
    object.list("causes", causes)?;
    let seconds = live.last_seconds(SECONDS).into_iter();
    let seconds = seconds.map(|second| JsonSecond {
        second: second.second,
        counts: second
            .counts
            .iter()
            .map(|(cause, count)| (cause.to_string(), *count))
            .collect(),
    });
    object.list("seconds", seconds)?;
    let tasks = live.tasks.0.iter().map(|task| (task, used(live, task.pid)));
    let tasks = tasks.map(|(task, used)| JsonLiveTask {
        pid: task.pid,
        state: task.state,
        resident: task.resident_bytes.unwrap_or(0),
        tables: task.table_bytes.unwrap_or(0),
        faults: task.faults.unwrap_or(0),
        command: &task.line,
        used: used.map(|(used, _)| used),
        written: used.map(|(_, written)| written),
        bands: live.spaces.get(&task.pid).map_or_else(Vec::new, |space| {
            space.bands(BANDS).iter().map(band).collect()
        }),
    });
    object.list("tasks", tasks)?;
    let extents = live
        .ram
        .iter()
        .map(|&(at, bytes)| JsonExtent { at: Hex(at), bytes });
    object.list("ram", extents)?;
    let owned = owned(live);
    object.member("owned_parts", owned.len())?;
    object.list("owned", owned.into_iter().take(OWNED))?;
    let text = live.text.iter().rev().take(20).rev();
    object.list("text", text.map(|line| words::printable(line)))?;
    object.end()
}

#[cfg(test)]
mod tests {
    use abi::{Cause, Fault, Sighting};
    use model::live::Update;

    use super::*;

    #[test]
    fn the_json_has_every_member_even_of_nothing() {
        let mut out = Vec::new();
        json(&mut out, &Live::default()).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["schema"], "pagewalk.live/1");
        assert_eq!(value["shown"], 0);
        assert!(value["board"].is_null() && value["tasks"].as_array().unwrap().is_empty());
    }

    #[test]
    fn a_fault_is_one_line() {
        let mut live = Live::default();
        live.apply(Update::Fault(Sighting {
            seq: Some(0),
            time_us: Some(1_500_000),
            fault: Fault {
                cause: Cause::StorePageFault.number(),
                va: 0xc000_1000,
                epc: 0x1_0424,
                task: 3,
                ..Fault::EMPTY
            },
        }));
        let row = live.rows_from(0).next().unwrap();
        let mut out = Vec::new();
        line(&mut out, row).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "    1.500000  task 3    Store/AMO page fault     0xc0001000         by 0x10424\n"
        );
    }
}
