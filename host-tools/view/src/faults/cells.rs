//! The cells of a fault, formatted once for every view.

use std::borrow::Cow;

use abi::{Access, Outcome, Source};
use model::ledger::LedgerRow;
use serde::Serialize;

use super::Names;
use crate::json::Hex;

/// Cells in the order of the columns and JSON members; `None` where the record's source lacks the field.
#[derive(Serialize)]
pub(crate) struct FaultCells {
    pub boot: u32,
    pub seq: Option<u64>,
    pub time_us: Option<u64>,
    pub task: Option<u16>,
    pub cause: u8,
    /// Cause as text.
    pub text: Cow<'static, str>,
    /// Origin of the access: user or kernel.
    pub source: Option<Cow<'static, str>>,
    pub access: Option<Cow<'static, str>>,
    pub address: Hex<u64>,
    pub epc: Hex<u64>,
    /// Function that contains `epc`, if a program with symbols was given.
    pub function: Option<String>,
    pub region: Option<Cow<'static, str>>,
    pub outcome: Option<Cow<'static, str>>,
    pub level: Option<u8>,
    /// PTE at which the walk stopped.
    pub entry: Option<Hex<u64>>,
    pub frame: Option<Hex<u64>>,
    pub satp: Option<Hex<u64>>,
    /// Cost of handling the fault, in instructions.
    pub cost: Option<u32>,
}

impl FaultCells {
    /// Columns of the CSV and members of the JSON.
    pub const NAMES: [&str; 18] = [
        "boot", "seq", "time_us", "task", "cause", "text", "source", "access", "address", "epc",
        "function", "region", "outcome", "level", "entry", "frame", "satp", "cost",
    ];

    /// Formats a row. Logs of other kernels lack some fields; Pagewalk's own have all, except for the access
    /// of causes that do not imply one.
    pub fn of(row: &LedgerRow, names: Names<'_>) -> FaultCells {
        let LedgerRow { boot, sighting, .. } = row;
        let fault = &sighting.fault;
        let source = Some(fault.source()).filter(|it| *it != Source::Unknown(0));
        let access = Some(fault.access()).filter(|it| *it != Access::Unknown(0));
        let outcome = Some(fault.outcome()).filter(|it| *it != Outcome::None);
        FaultCells {
            boot: *boot,
            seq: sighting.seq,
            time_us: sighting.time_us,
            task: fault.task(),
            cause: fault.cause,
            text: words(fault.cause().known_text(), fault.cause()),
            source: source.map(|it| words(it.known_text(), it)),
            access: access.map(|it| words(it.known_text(), it)),
            address: Hex(fault.va),
            epc: Hex(fault.epc),
            function: names(fault.epc),
            region: outcome.map(|_| words(fault.class().known_text(), fault.class())),
            outcome: outcome.map(|it| words(it.known_text(), it)),
            level: fault.level(),
            entry: fault.level().map(|_| Hex(fault.entry)),
            frame: fault.frame().map(Hex),
            satp: Some(fault.satp).filter(|it| *it != 0).map(Hex),
            cost: Some(fault.cost).filter(|it| *it != 0),
        }
    }

    /// Seconds since boot with six decimals.
    pub fn seconds(&self) -> Option<String> {
        self.time_us.map(super::seconds)
    }

    /// The cells as text, in the order of [`FaultCells::NAMES`].
    pub fn into_texts(self) -> [String; FaultCells::NAMES.len()] {
        [
            self.boot.to_string(),
            text(self.seq),
            text(self.time_us),
            text(self.task),
            self.cause.to_string(),
            self.text.into_owned(),
            text(self.source),
            text(self.access),
            self.address.to_string(),
            self.epc.to_string(),
            text(self.function),
            text(self.region),
            text(self.outcome),
            text(self.level),
            text(self.entry),
            text(self.frame),
            text(self.satp),
            text(self.cost),
        ]
    }
}

/// The text of a value: a million faults have a handful of them, which are not copied.
fn words(known: Option<&'static str>, value: impl ToString) -> Cow<'static, str> {
    known.map_or_else(|| value.to_string().into(), Cow::Borrowed)
}

/// A cell as text; empty for `None`.
pub(crate) fn text<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use abi::{Fault, Sighting};

    use super::*;

    #[test]
    fn csv_and_json_have_the_same_names_in_the_same_order() {
        let sighting = Sighting {
            seq: Some(1),
            time_us: None,
            fault: Fault::EMPTY,
        };
        let row = LedgerRow {
            id: 1,
            boot: 0,
            sighting,
        };
        let json = serde_json::to_string(&FaultCells::of(&row, &|_| None)).unwrap();
        let places = FaultCells::NAMES.map(|name| json.find(&format!("\"{name}\":")));
        assert!(places.iter().all(Option::is_some), "{json}");
        assert!(places.is_sorted(), "{json}");
        assert_eq!(json.matches("\":").count(), FaultCells::NAMES.len());
    }
}
