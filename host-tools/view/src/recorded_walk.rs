//! The walk of a fault, as far as its record has it: indices from the address, and the entry that stopped it.
//!
//! Tables change after a fault. A record does not, and needs no memory to be read.

use abi::Fault;
use pagetable::{Mode, Pte, Satp, VirtAddr, Xlen};
use serde::Serialize;

use crate::json::Hex;

/// A level of a walk, from the root down.
#[derive(Serialize)]
pub(crate) struct RecordedStep {
    level: u8,
    index: usize,
    /// The entry, where the record has it: the one that stopped the walk.
    entry: Option<Hex<u64>>,
    text: String,
    stopped: bool,
}

/// The walk in lines of text, root first; empty where no table was walked.
pub fn lines(fault: &Fault) -> Vec<String> {
    let line = |step: &RecordedStep| {
        let RecordedStep {
            level, index, text, ..
        } = step;
        let entry = step.entry.as_ref();
        let entry = entry.map_or_else(String::new, |it| format!("{it}  "));
        let stopped = if step.stopped {
            "  <- stopped here"
        } else {
            ""
        };
        format!("level {level} [{index:>3}]  {entry}{text}{stopped}")
    };
    steps(fault).iter().map(line).collect()
}

pub(crate) fn mode(fault: &Fault) -> Option<Mode> {
    // The mode field of RV64 is above the 32 bits of an RV32 satp.
    let xlen = if fault.satp >> 32 == 0 {
        Xlen::Rv32
    } else {
        Xlen::Rv64
    };
    Satp::decode(fault.satp, xlen)
        .ok()
        .map(|satp| satp.mode)
        .filter(|mode| mode.levels() > 0)
}

/// From the root to where the walk stopped.
pub(crate) fn steps(fault: &Fault) -> Vec<RecordedStep> {
    let Some((mode, end)) = mode(fault).zip(fault.level()) else {
        return Vec::new();
    };
    let va = VirtAddr::new(fault.va);
    let step = |level: u8| {
        let stopped = level == end;
        RecordedStep {
            level,
            index: mode.index(va, level),
            entry: stopped.then_some(Hex(fault.entry)),
            text: match stopped {
                true => entry_text(mode, level, fault.entry),
                false => "points to the next table".to_owned(),
            },
            stopped,
        }
    };
    (end..=mode.root_level().max(end)).rev().map(step).collect()
}

fn entry_text(mode: Mode, level: u8, entry: u64) -> String {
    let pte = Pte::new(entry);
    match (pte.is_valid(), entry) {
        (_, 0) => "the entry is zero: nothing is mapped".to_owned(),
        (false, _) => "the entry is not valid (V is 0)".to_owned(),
        (true, _) if pte.is_leaf() => {
            let bytes = mode.leaf_bytes(level);
            format!(
                "a leaf of {} KiB to {}, {}",
                bytes >> 10,
                pte.target(mode),
                pte.flags()
            )
        }
        (true, _) => format!("points to the table at {}", pte.target(mode)),
    }
}
