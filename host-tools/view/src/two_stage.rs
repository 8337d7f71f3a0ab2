//! A guest's address through both stages: each entry, and the result of each access.

use std::io::{self, Write};

use pagetable::{
    AccessType, Dialect, Entry, GuestDenial, GuestOutcome, GuestRoot, GuestWalk, Hgatp, Mode,
    Privilege, Refusal, Root, Satp, StageStep, Step, TwoStageFault, TwoStageOutcome, TwoStageWalk,
    VirtAddr, guest_mode_name,
};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject, JsonText};
use crate::rows::RowLimit;
use crate::walk::ASKERS;
use crate::words::{self, ExactSize};

/// A walk of both stages with its inputs.
pub struct TwoStageWalked {
    /// The guest's own root, at a guest physical address.
    pub vsatp: Satp,
    /// The root of the second stage.
    pub hgatp: Hgatp,
    /// The guest's tables as decoded.
    pub first: Root,
    /// The second stage's tables as decoded.
    pub second: GuestRoot,
    /// The guest's virtual address; with a bare `vsatp`, its physical one.
    pub va: VirtAddr,
    /// The steps and the outcome.
    pub walk: TwoStageWalk,
}

/// One entry of a stage, ready to be shown.
struct StageRow {
    stage: &'static str,
    step: Step,
    /// Where the guest believes the entry to be.
    gpa: Option<u64>,
    means: String,
}

impl TwoStageWalked {
    fn guest_rows(&self, guest: &GuestWalk, rows: &mut Vec<StageRow>) {
        let second = self.second;
        rows.extend(guest.steps().iter().map(|step| StageRow {
            stage: "G",
            step: *step,
            gpa: None,
            means: means(step, second.mode, second.dialect),
        }));
    }

    fn stage_row(&self, it: &StageStep) -> Option<StageRow> {
        let first = self.first;
        let step = Step {
            level: it.level,
            index: it.index,
            at: it.guest.address()?,
            entry: it.entry,
        };
        Some(StageRow {
            stage: "VS",
            step,
            gpa: Some(it.guest.gpa),
            means: means(&step, first.mode, first.dialect),
        })
    }

    /// Every entry that was read, in the order of the hart's reads.
    fn rows(&self) -> Vec<StageRow> {
        let mut rows = Vec::new();
        for step in self.walk.steps() {
            self.guest_rows(&step.guest, &mut rows);
            rows.extend(self.stage_row(step));
        }
        if let TwoStageOutcome::Mapped { guest, .. } = &self.walk.outcome {
            self.guest_rows(guest, &mut rows);
        }
        rows
    }

    /// The guest physical address that the first stage leads to.
    fn gpa(&self) -> Option<u64> {
        match &self.walk.outcome {
            TwoStageOutcome::Mapped { guest, .. } => Some(guest.gpa),
            _ => None,
        }
    }

    /// Why every access fails, in a sentence that names the stage and the level; `None` if permissions
    /// decide.
    pub fn reason(&self) -> Option<String> {
        let last = self.walk.steps().last();
        match &self.walk.outcome {
            TwoStageOutcome::Refused(reason) => Some(match last {
                Some(step) => format!(
                    "the first stage (vsatp) stops it at level {}, entry at guest address {:#x}: {reason}",
                    step.level, step.guest.gpa
                ),
                None => format!("the first stage (vsatp) stops it: {reason}"),
            }),
            TwoStageOutcome::TableRefused(denied) => last.map(|step| {
                let by = self.denied(&step.guest, *denied);
                format!(
                    "the walk of the first stage (vsatp) cannot read its entry of level {} at guest address \
                     {:#x}: {by}",
                    step.level, step.guest.gpa
                )
            }),
            TwoStageOutcome::Mapped { guest, .. } => match guest.outcome {
                GuestOutcome::Refused(reason) => {
                    let by = self.denied(guest, GuestDenial::Entry(reason));
                    Some(format!("guest address {:#x}: {by}", guest.gpa))
                }
                _ => None,
            },
        }
    }

    /// What the second stage says, with level and entry.
    fn denied(&self, guest: &GuestWalk, denied: GuestDenial) -> String {
        let why = match denied {
            GuestDenial::Entry(Refusal::NonCanonical) => {
                format!("it has more than {} bits", self.second.address_bits())
            }
            GuestDenial::Entry(reason) => reason.text().to_owned(),
            GuestDenial::NotUser => "U is clear, and every guest is user mode to it".to_owned(),
            GuestDenial::Permission => "the entry does not permit it".to_owned(),
            GuestDenial::Unset(_) => "A or D is clear".to_owned(),
        };
        match guest.steps().last() {
            Some(step) => format!(
                "the second stage (hgatp) stops it at level {}, entry at {}: {why}",
                step.level, step.at
            ),
            None => format!("the second stage (hgatp) stops it: {why}"),
        }
    }

    /// What stops one access, in a sentence; for `who` if it is known, else as the supervisor.
    pub fn verdict(&self, access: AccessType, who: Option<Privilege>) -> String {
        let what = match access {
            AccessType::Read => "a load",
            AccessType::Write => "a store",
            AccessType::Execute => "a fetch",
        };
        if let Some(reason) = self.reason() {
            return format!("{what}: {reason}");
        }
        let TwoStageOutcome::Mapped { leaf, guest } = &self.walk.outcome else {
            return format!("{what} goes through");
        };
        let who = who.unwrap_or(Privilege::SUPERVISOR);
        match self.walk.fault(access, who, false) {
            None => {
                format!("{what} goes through now: the entry was another, or a TLB still holds one")
            }
            Some(TwoStageFault::Page) => {
                let why = leaf.map(|leaf| crate::walk::refusal(leaf.pte, access, who));
                format!(
                    "{what} {}: the first stage (vsatp)",
                    why.unwrap_or_default()
                )
            }
            Some(_) => match guest.refuses(access, false) {
                Some(denied) => format!(
                    "{what} of guest address {:#x}: {}",
                    guest.gpa,
                    self.denied(guest, denied)
                ),
                None => format!("{what} goes through"),
            },
        }
    }

    fn answer(&self, access: AccessType, who: Privilege) -> String {
        match self.walk.fault(access, who, false) {
            None => "yes".to_owned(),
            Some(fault) => format!("fault {}", fault.cause(access)),
        }
    }
}

fn means(step: &Step, mode: Mode, dialect: Dialect) -> String {
    let Some(pte) = step.entry else {
        return "is not in memory".to_owned();
    };
    match pte.decode(mode, step.level, dialect) {
        Entry::Pointer(table) => format!("table {table}"),
        Entry::Leaf(leaf) => format!("{} page {}", ExactSize(leaf.page_bytes), leaf.base),
        Entry::Refused(reason) => reason.text().to_owned(),
    }
}

/// `hgatp` and its fields on one line.
pub fn hgatp(hgatp: Hgatp) -> String {
    let Hgatp { mode, vmid, root } = hgatp;
    let raw = hgatp.encode(mode.xlen());
    let name = guest_mode_name(mode);
    format!("hgatp {raw:#x}: {name}, vmid {vmid}, root {root}")
}

impl View for TwoStageWalked {
    /// The entries of both stages, then the result of each access.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "v{}", words::satp(self.vsatp))?;
        writeln!(out, "{}", hgatp(self.hgatp))?;
        let mut columns = Columns::new([
            ("stage", ColumnSide::Left),
            ("level", ColumnSide::Right),
            ("index", ColumnSide::Right),
            ("entry at", ColumnSide::Left),
            ("entry", ColumnSide::Left),
            ("flags", ColumnSide::Left),
            ("means", ColumnSide::Left),
        ]);
        let mode = match self.first.mode {
            Mode::Bare => self.second.mode,
            mode => mode,
        };
        let rows = self.rows();
        for StageRow {
            stage,
            step,
            gpa,
            means,
        } in &rows
        {
            let at = gpa.map(|gpa| format!("guest {gpa:#x}: "));
            let [level, index, entry_at, entry, flags] = words::step(mode, step);
            let means = at.unwrap_or_default() + means;
            columns.row([
                (*stage).to_owned(),
                level,
                index,
                entry_at,
                entry,
                flags,
                means,
            ]);
        }
        if !rows.is_empty() {
            columns.write(out, 0)?;
        }
        writeln!(out)?;
        let va = self.va;
        if let Some(reason) = self.reason() {
            let fault = |access| self.walk.fault(access, Privilege::SUPERVISOR, false);
            let cause = |access| fault(access).map_or(0, |it| it.cause(access));
            let [read, write, execute] = AccessType::ALL.map(cause);
            writeln!(out, "{va:#x} faults: {reason}")?;
            return writeln!(
                out,
                "every access: read {read}, write {write}, execute {execute} (scause)"
            );
        }
        if let (Some(gpa), Some(at)) = (self.gpa(), self.walk.address()) {
            writeln!(out, "{va:#x} -> guest {gpa:#x} -> {at}")?;
        }
        let mut columns = Columns::new([
            ("guest's access as", ColumnSide::Left),
            ("read", ColumnSide::Left),
            ("write", ColumnSide::Left),
            ("execute", ColumnSide::Left),
        ]);
        for (asker, who) in ASKERS {
            let [read, write, execute] = AccessType::ALL.map(|access| self.answer(access, who));
            columns.row([asker.to_owned(), read, write, execute]);
        }
        columns.write(out, 0)
    }

    /// Schema `pagewalk.guest-walk/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.guest-walk/1")?;
        let xlen = self.second.mode.xlen();
        object.member("vsatp", Hex(self.vsatp.encode(self.vsatp.mode.xlen())))?;
        object.member("mode", self.vsatp.mode.name())?;
        object.member("hgatp", Hex(self.hgatp.encode(xlen)))?;
        object.member("guest_mode", guest_mode_name(self.hgatp.mode))?;
        object.member("va", Hex(self.va.raw()))?;
        let steps = self.rows().into_iter().map(|row| JsonStage {
            stage: row.stage,
            level: row.step.level,
            index: row.step.index,
            at: Hex(row.step.at.raw()),
            gpa: row.gpa.map(Hex),
            entry: row.step.entry.map(|pte| Hex(pte.raw())),
            flags: row.step.entry.map(|pte| JsonText(pte.flags())),
            means: row.means,
        });
        object.list("steps", steps)?;
        object.member("gpa", self.gpa().map(Hex))?;
        object.member("pa", self.walk.address().map(|at| Hex(at.raw())))?;
        object.member("reason", self.reason())?;
        let accesses = ASKERS.map(|(asker, who)| {
            let cause = |access| Some(self.walk.fault(access, who, false)?.cause(access));
            let [read, write, execute] = AccessType::ALL.map(cause);
            JsonGuestAccess {
                who: asker,
                read,
                write,
                execute,
            }
        });
        object.list("faults", accesses)?;
        object.end()
    }

    /// One row per entry, in the order of the hart's reads.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = [
            "stage", "level", "index", "at", "gpa", "entry", "flags", "means",
        ];
        let mut rows = RowLimit::begin(out, &names, false)?;
        for row in self.rows() {
            let entry = row.step.entry.map(|pte| format!("{pte:#x}"));
            let flags = row.step.entry.map(|pte| pte.flags().to_string());
            rows.row(&[
                row.stage.to_owned(),
                row.step.level.to_string(),
                row.step.index.to_string(),
                format!("{:#x}", row.step.at),
                row.gpa.map(|gpa| format!("{gpa:#x}")).unwrap_or_default(),
                entry.unwrap_or_default(),
                flags.unwrap_or_default(),
                row.means,
            ])?;
        }
        rows.end()
    }
}

/// An entry of one stage; `gpa` is where the guest has an entry of its own.
#[derive(Serialize)]
struct JsonStage {
    stage: &'static str,
    level: u8,
    index: u16,
    at: Hex<u64>,
    gpa: Option<Hex<u64>>,
    entry: Option<Hex<u64>>,
    flags: Option<JsonText<pagetable::Flags>>,
    means: String,
}

/// The cause for each access; null if it succeeds.
#[derive(Serialize)]
struct JsonGuestAccess {
    #[serde(rename = "as")]
    who: &'static str,
    read: Option<u8>,
    write: Option<u8>,
    execute: Option<u8>,
}
