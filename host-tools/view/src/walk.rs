//! One address translation: each level, and the result of each access.

use std::io::{self, Write};

use pagetable::{
    AccessOutcome, AccessType, Deny, Entry, Pmp, Privilege, Pte, Refusal, Root, Satp, Step,
    VirtAddr, Walk, WalkOutcome,
};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject, JsonText};
use crate::map::{JsonMemory, memory_word};
use crate::pmp;
use crate::rows::RowLimit;
use crate::words::{self, ExactSize};

/// A page-table walk with its inputs.
pub struct Walked {
    /// The `satp` value.
    pub satp: Satp,
    /// The root as decoded from `satp`.
    pub root: Root,
    /// The virtual address.
    pub va: VirtAddr,
    /// The steps and the outcome.
    pub walk: Walk,
    /// True if the tables were read past the hart's caches, so recent writes may be missing.
    pub is_possibly_stale: bool,
    /// Physical memory protection of the hart, if it is known.
    pub pmp: Option<Pmp>,
    /// Name of the device or memory at the translated address; empty if it has none.
    pub name: String,
}

/// Privilege modes, with SUM and MXR, and their names.
pub(crate) const ASKERS: [(&str, Privilege); 6] = [
    ("user", Privilege::USER),
    (
        "user MXR",
        Privilege {
            mxr: true,
            ..Privilege::USER
        },
    ),
    ("supervisor", Privilege::SUPERVISOR),
    (
        "supervisor SUM",
        Privilege {
            sum: true,
            ..Privilege::SUPERVISOR
        },
    ),
    (
        "supervisor MXR",
        Privilege {
            mxr: true,
            ..Privilege::SUPERVISOR
        },
    ),
    (
        "supervisor SUM MXR",
        Privilege {
            sum: true,
            mxr: true,
            ..Privilege::SUPERVISOR
        },
    ),
];

impl View for Walked {
    /// The steps, then the result of each access.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let Walked { satp, walk, va, .. } = self;
        let mode = satp.mode;
        writeln!(out, "{}", words::satp(*satp))?;
        words::staleness(out, self.is_possibly_stale)?;
        let mut columns = Columns::new([
            ("level", ColumnSide::Right),
            ("index", ColumnSide::Right),
            ("entry at", ColumnSide::Left),
            ("entry", ColumnSide::Left),
            ("flags", ColumnSide::Left),
            ("means", ColumnSide::Left),
        ]);
        for step in walk.steps() {
            let [level, index, at, entry, flags] = words::step(mode, step);
            columns.row([level, index, at, entry, flags, means(self, step)]);
        }
        if !walk.steps().is_empty() {
            columns.write(out, 0)?;
        }
        writeln!(out)?;
        match walk.outcome {
            WalkOutcome::Bare(at) => writeln!(out, "{va:#x} -> {at}: bare, no translation"),
            WalkOutcome::Refused(Refusal::NoMemory) => {
                let at = walk.steps().last().map_or(satp.root, |step| step.at);
                writeln!(
                    out,
                    "{va:#x}: the memory given does not hold the entry at {at}"
                )?;
                writeln!(
                    out,
                    "if there is no memory on the machine either: read 5, write 7, execute 1 (scause)"
                )
            }
            WalkOutcome::Refused(reason) => {
                let cause = |access| walk.fault(access, Privilege::SUPERVISOR, false);
                let causes = AccessType::ALL.map(|access| cause(access).unwrap_or_default());
                let [read, write, execute] = causes;
                writeln!(out, "{va:#x} faults: {reason}")?;
                writeln!(
                    out,
                    "every access: read {read}, write {write}, execute {execute} (scause)"
                )
            }
            WalkOutcome::Mapped { at, leaf } => {
                let memory = words::attributes(leaf.attributes);
                writeln!(
                    out,
                    "{va:#x} -> {at}: {} page at {}, {}{}{memory}",
                    ExactSize(leaf.page_bytes),
                    leaf.base,
                    leaf.pte.flags(),
                    if memory.is_empty() { "" } else { ", memory " },
                )?;
                accesses(out, leaf.pte)
            }
        }?;
        if let (false, Some(at)) = (self.name.is_empty(), walk.address()) {
            writeln!(out, "{at} is in {}", self.name)?;
        }
        match &self.pmp {
            Some(entries) => pmp::lines(out, entries, walk),
            None => Ok(()),
        }
    }

    /// Schema `pagewalk.walk/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let Walked { satp, walk, va, .. } = self;
        let mut object = JsonObject::begin(out, "pagewalk.walk/1")?;
        object.member("satp", Hex(satp.encode(satp.mode.xlen())))?;
        object.member("mode", satp.mode.name())?;
        object.member("va", Hex(va.raw()))?;
        object.staleness(self.is_possibly_stale)?;
        let steps = walk.steps().iter().map(|step| JsonStep {
            level: step.level,
            index: step.index,
            at: Hex(step.at.raw()),
            entry: step.entry.map(|pte| Hex(pte.raw())),
            flags: step.entry.map(|pte| JsonText(pte.flags())),
            means: means(self, step),
        });
        object.list("steps", steps)?;
        object.member("pa", walk.address().map(|at| Hex(at.raw())))?;
        match walk.outcome {
            WalkOutcome::Mapped { leaf, .. } => {
                let page = JsonPage {
                    pa: Hex(leaf.base.raw()),
                    page_size: leaf.page_bytes,
                    perms: JsonText(leaf.pte.flags()),
                    memory: leaf.attributes.into(),
                    napot: leaf.is_napot,
                    rsw: leaf.pte.rsw(),
                };
                object.member("page", page)?;
            }
            WalkOutcome::Refused(reason) => object.member("reason", reason.text())?,
            WalkOutcome::Bare(_) => object.member("reason", "bare")?,
        }
        if !self.name.is_empty() {
            object.member("name", &self.name)?;
        }
        let accesses = ASKERS.map(|(asker, who)| JsonAccess {
            who: asker,
            faults: JsonFaults::of(walk, who, false),
            svade: JsonFaults::of(walk, who, true),
        });
        object.list("faults", accesses)?;
        if let Some(entries) = &self.pmp {
            object.list("pmp", pmp::json(entries, walk))?;
        }
        object.end()
    }

    /// One row per step; the result is in the last.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = ["level", "index", "at", "entry", "flags", "means", "memory"];
        let mut rows = RowLimit::begin(out, &names, self.is_possibly_stale)?;
        for step in self.walk.steps() {
            let memory = match judged(self, step) {
                Some(Entry::Leaf(leaf)) => memory_word(leaf.attributes),
                _ => String::new(),
            };
            let entry = step.entry.map(|pte| format!("{pte:#x}"));
            let flags = step.entry.map(|pte| pte.flags().to_string());
            rows.row(&[
                step.level.to_string(),
                step.index.to_string(),
                format!("{:#x}", step.at),
                entry.unwrap_or_default(),
                flags.unwrap_or_default(),
                means(self, step),
                memory,
            ])?;
        }
        rows.end()
    }
}

/// Why the translation fails, with level and entry.
pub fn reason(walked: &Walked) -> String {
    let mode = walked.satp.mode;
    let WalkOutcome::Refused(reason) = walked.walk.outcome else {
        return "bare, no translation".to_owned();
    };
    match walked.walk.steps().last() {
        Some(step) => format!(
            "{:#x}: {reason}: level {}, entry {} at {}",
            walked.va,
            step.level,
            step.entry
                .map_or_else(|| "unknown".to_owned(), |pte| words::pte(mode, pte.raw())),
            step.at
        ),
        None => format!("{:#x}: {reason}", walked.va),
    }
}

/// Why an access faults: for `who` if it is known, else in user and in supervisor mode.
pub fn verdict(walked: &Walked, access: AccessType, who: Option<Privilege>) -> String {
    let what = match access {
        AccessType::Read => "a load",
        AccessType::Write => "a store",
        AccessType::Execute => "a fetch",
    };
    let WalkOutcome::Mapped { leaf, .. } = walked.walk.outcome else {
        return format!("{what} stops there: {}", reason(walked));
    };
    let flags = leaf.pte.flags();
    if let Some(who) = who {
        return format!("{what} {}", judgement(walked, leaf.pte, access, who));
    }
    let told = |who| match leaf.pte.answer(access, who) {
        AccessOutcome::Allowed => "goes through: the entry was another, or a TLB still holds one",
        AccessOutcome::Updates(_) => {
            "goes through where the hart sets A and D, else faults for them"
        }
        AccessOutcome::Denied(Deny::Permission) => "is not permitted",
        AccessOutcome::Denied(Deny::SupervisorPage) => "is not permitted: U is clear",
        AccessOutcome::Denied(Deny::UserPage) => "is not permitted: U is set, and SUM is clear",
    };
    let (user, supervisor) = (told(Privilege::USER), told(Privilege::SUPERVISOR));
    format!(
        "{what} to a {flags} page: from user mode it {user}; from the supervisor it {supervisor}"
    )
}

/// What becomes of one access to a leaf, in words.
pub fn refusal(pte: Pte, access: AccessType, who: Privilege) -> String {
    let mode = if who.is_user {
        "user mode"
    } else {
        "supervisor mode"
    };
    let bit = match access {
        AccessType::Read if who.mxr => "R and X are clear",
        AccessType::Read => "R is clear, and MXR is",
        AccessType::Write => "W is clear",
        AccessType::Execute => "X is clear",
    };
    let why = match pte.answer(access, who) {
        AccessOutcome::Allowed => {
            return format!(
                "from {mode} goes through now: the entry was another, or a TLB still holds one"
            );
        }
        AccessOutcome::Updates(bits) => {
            let bits = bit_names(bits);
            return format!(
                "from {mode} needs {bits} set: a hart that leaves it to software (Svade) faults there"
            );
        }
        AccessOutcome::Denied(Deny::Permission) => bit,
        AccessOutcome::Denied(Deny::SupervisorPage) => "U is clear",
        AccessOutcome::Denied(Deny::UserPage) => match access {
            AccessType::Execute => "U is set: a supervisor never runs a user's page",
            _ => "U is set, and SUM is clear",
        },
    };
    format!("from {mode} is not permitted: {why}")
}

/// What becomes of the access of one asker, with the level and the entry that say so.
fn judgement(walked: &Walked, pte: Pte, access: AccessType, who: Privilege) -> String {
    let place = walked.walk.steps().last().map_or_else(String::new, |step| {
        let entry = words::pte(walked.satp.mode, pte.raw());
        format!(": level {}, entry {entry} at {}", step.level, step.at)
    });
    refusal(pte, access, who) + &place
}

fn means(walked: &Walked, step: &Step) -> String {
    match judged(walked, step) {
        None => "is not in memory".to_owned(),
        Some(Entry::Pointer(table)) => format!("table {table}"),
        Some(Entry::Leaf(leaf)) => format!("{} page {}", ExactSize(leaf.page_bytes), leaf.base),
        Some(Entry::Refused(reason)) => reason.text().to_owned(),
    }
}

fn judged(walked: &Walked, step: &Step) -> Option<Entry> {
    let pte = step.entry?;
    Some(pte.decode(walked.root.mode, step.level, walked.root.dialect))
}

/// Writes the accesses that each mode is allowed, and the cause of the fault otherwise.
pub(crate) fn accesses(out: &mut dyn Write, pte: Pte) -> io::Result<()> {
    let mut columns = Columns::new([
        ("access as", ColumnSide::Left),
        ("read", ColumnSide::Left),
        ("write", ColumnSide::Left),
        ("execute", ColumnSide::Left),
    ]);
    for (asker, who) in ASKERS {
        let [read, write, execute] = AccessType::ALL.map(|access| answer(pte, access, who));
        columns.row([asker.to_owned(), read, write, execute]);
    }
    columns.write(out, 0)?;
    let is_clear = !pte.has(Pte::ACCESSED) || pte.has(Pte::WRITE) && !pte.has(Pte::DIRTY);
    if is_clear {
        writeln!(
            out,
            "where A or D is to be set, a hart that leaves it to software (Svade, C906) faults"
        )?;
    }
    Ok(())
}

fn answer(pte: Pte, access: AccessType, who: Privilege) -> String {
    match pte.answer(access, who) {
        AccessOutcome::Allowed => "yes".to_owned(),
        AccessOutcome::Updates(bits) => format!("yes, sets {}", bit_names(bits)),
        AccessOutcome::Denied(_) => format!("fault {}", access.page_fault()),
    }
}

fn bit_names(bits: u64) -> &'static str {
    match (bits & Pte::ACCESSED != 0, bits & Pte::DIRTY != 0) {
        (true, true) => "A and D",
        (true, false) => "A",
        _ => "D",
    }
}

#[derive(Serialize)]
struct JsonStep {
    level: u8,
    index: u16,
    at: Hex<u64>,
    entry: Option<Hex<u64>>,
    flags: Option<JsonText<pagetable::Flags>>,
    means: String,
}

#[derive(Serialize)]
struct JsonPage {
    pa: Hex<u64>,
    page_size: u64,
    perms: JsonText<pagetable::Flags>,
    #[serde(flatten)]
    memory: JsonMemory,
    napot: bool,
    rsw: u8,
}

/// `scause` of the fault for each access; null if it succeeds.
#[derive(Serialize)]
struct JsonFaults {
    read: Option<u8>,
    write: Option<u8>,
    execute: Option<u8>,
}

impl JsonFaults {
    fn of(walk: &Walk, who: Privilege, svade: bool) -> JsonFaults {
        let [read, write, execute] = AccessType::ALL.map(|access| walk.fault(access, who, svade));
        JsonFaults {
            read,
            write,
            execute,
        }
    }
}

#[derive(Serialize)]
struct JsonAccess {
    #[serde(rename = "as")]
    who: &'static str,
    #[serde(flatten)]
    faults: JsonFaults,
    /// The same for a hart with Svade, which faults where A or D is clear.
    svade: JsonFaults,
}
