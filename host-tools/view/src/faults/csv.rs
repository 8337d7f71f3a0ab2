//! Faults as CSV: one line a fault, the members of the JSON as columns.

use std::io::{self, Write};

use abi::Sighting;
use model::ledger::LedgerRow;

use super::{FaultReport, Names, words};

const HEADINGS: [&str; 18] = [
    "boot", "seq", "time_us", "task", "cause", "text", "source", "access", "address", "epc",
    "function", "region", "outcome", "level", "entry", "frame", "satp", "cost",
];

/// Writes a heading and every fault; what is not known is empty.
pub fn csv(out: &mut dyn Write, report: &FaultReport<'_>) -> io::Result<()> {
    let FaultReport { faults, names, .. } = *report;
    let mut lines = csv::Writer::from_writer(out);
    lines.write_record(HEADINGS)?;
    for row in faults.all() {
        lines.write_record(record(row, names))?;
    }
    lines.flush()
}

fn record(row: &LedgerRow, names: Names<'_>) -> [String; HEADINGS.len()] {
    let LedgerRow { boot, sighting, .. } = *row;
    let Sighting {
        seq,
        time_us,
        fault,
    } = sighting;
    let words = words(&fault);
    let hex = |value: u64| format!("{value:#x}");
    [
        boot.to_string(),
        known(seq),
        known(time_us),
        known(fault.task()),
        fault.cause.to_string(),
        fault.cause().to_string(),
        words.source.unwrap_or_default(),
        words.access.unwrap_or_default(),
        hex(fault.va),
        hex(fault.epc),
        names(fault.epc).unwrap_or_default(),
        words.class.unwrap_or_default(),
        words.outcome.unwrap_or_default(),
        known(fault.level()),
        fault.level().map(|_| hex(fault.entry)).unwrap_or_default(),
        fault.frame().map(hex).unwrap_or_default(),
        known(Some(fault.satp).filter(|satp| *satp != 0).map(hex)),
        known(Some(fault.cost).filter(|cost| *cost != 0)),
    ]
}

fn known<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}
