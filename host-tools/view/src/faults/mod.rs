//! Faults as a table, as JSON, as CSV.

use abi::{Access, Fault, Outcome, Source};
use model::Faults;

pub use self::csv::csv;
pub use self::json::json;
pub use self::table::table;

mod csv;
mod json;
mod table;

/// Names an instruction's address, as `function+0x12`; `None` if it cannot.
pub type Names<'a> = &'a dyn Fn(u64) -> Option<String>;

/// Faults, and how much of them to show.
pub struct FaultReport<'a> {
    /// The faults.
    pub faults: &'a Faults,
    /// What names their instructions.
    pub names: Names<'a>,
    /// In a table: every fault, or only the totals.
    pub each: bool,
    /// In a table: rows of each total at most.
    pub top: usize,
}

/// What a record says in words, where it says anything.
pub(crate) struct FaultWords {
    pub source: Option<String>,
    pub access: Option<String>,
    pub class: Option<String>,
    pub outcome: Option<String>,
}

/// Foreign logs do not tell the fields that are words; ours tell all of them,
/// except for an access that the cause does not tell.
pub(crate) fn words(fault: &Fault) -> FaultWords {
    let outcome = Some(fault.outcome()).filter(|outcome| *outcome != Outcome::None);
    FaultWords {
        source: Some(fault.source())
            .filter(|source| *source != Source::Unknown(0))
            .map(|source| source.to_string()),
        access: Some(fault.access())
            .filter(|access| *access != Access::Unknown(0))
            .map(|access| access.to_string()),
        class: outcome.map(|_| fault.class().to_string()),
        outcome: outcome.map(|outcome| outcome.to_string()),
    }
}
