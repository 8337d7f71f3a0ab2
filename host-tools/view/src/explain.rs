//! An explanation of a trap.

use std::io::{self, Write};

use model::{CrashReason, CrashRegisters, TrappedMode};
use pagetable::{Satp, Xlen};
use serde::Serialize;

use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::words;

/// A trap, with the data needed to explain it.
pub struct Explained<'a> {
    /// Registers of the trap.
    pub crash: &'a CrashRegisters,
    /// Register width of the hart.
    pub xlen: Xlen,
    /// Symbolizes the address of an instruction.
    pub names: &'a dyn Fn(u64) -> Option<String>,
    /// Finds the source line of an instruction.
    pub sources: &'a dyn Fn(u64) -> Option<SourceText>,
    /// What stopped the access, as tables show it; else as registers do.
    pub stopped: Option<String>,
    /// A walk follows the table, and `stopped` after it.
    pub has_walk: bool,
}

/// A source location.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceText {
    /// File name as in the debug information.
    pub file: String,
    /// Line number, from 1.
    pub line: u32,
    /// The inlined function that contains the line; `None` if it is not inlined.
    pub inlined: Option<String>,
}

impl Explained<'_> {
    fn why(&self) -> String {
        match self.crash.why(self.xlen) {
            Some(CrashReason::Exception(cause)) => cause.to_string(),
            Some(CrashReason::Interrupt(number)) => match number {
                1 => "Supervisor software interrupt".to_owned(),
                5 => "Supervisor timer interrupt".to_owned(),
                9 => "Supervisor external interrupt".to_owned(),
                number => format!("Interrupt {number}"),
            },
            Some(CrashReason::NoTrap) => "No trap yet".to_owned(),
            None => "Trap".to_owned(),
        }
    }

    /// What stopped the access.
    fn stopped(&self) -> Option<String> {
        self.stopped
            .clone()
            .or_else(|| self.crash.stopped(self.xlen))
    }

    /// The source location of a register's value.
    fn source(&self, register: &str, value: u64) -> Option<SourceText> {
        match register {
            "sepc" | "mepc" => (self.sources)(value),
            // The return address is after the call, so the location is that of the previous instruction.
            "ra" => (self.sources)(value.checked_sub(1)?),
            _ => None,
        }
    }

    /// Which mode trapped, and the bits that judge its accesses.
    fn status_means(&self) -> String {
        match self.crash.trapped_mode() {
            None => String::new(),
            Some(TrappedMode::Machine) => "from machine mode".to_owned(),
            Some(TrappedMode::MachineForOther) => "from machine mode, MPRV set".to_owned(),
            Some(TrappedMode::Translated(who)) => {
                let mode = if who.is_user { "user" } else { "supervisor" };
                let bit = |is_set| if is_set { "set" } else { "clear" };
                format!(
                    "from {mode} mode, SUM {}, MXR {}",
                    bit(who.sum),
                    bit(who.mxr)
                )
            }
        }
    }

    /// Register, value and explanation.
    fn rows(&self) -> Vec<(&'static str, u64, String)> {
        let CrashRegisters {
            scause,
            sepc,
            stval,
            sp,
            ra,
            satp,
            time,
            status,
            ..
        } = self.crash;
        let [cause_name, pc_name, value_name, status_name] = self.crash.names();
        let code = |at: u64| (self.names)(at).unwrap_or_default();
        let tables = |raw| match Satp::decode(raw, self.xlen) {
            Ok(satp) => words::satp(satp)
                .split_once(": ")
                .map_or_else(String::new, |(_, means)| means.to_owned()),
            Err(_) => "a reserved mode".to_owned(),
        };
        let stval_means = match self.crash.why(self.xlen) {
            Some(CrashReason::Exception(cause)) if cause.has_address() => "the address",
            Some(CrashReason::Exception(cause)) if cause.number() < 12 || cause.number() == 22 => {
                "about the instruction"
            }
            _ => "",
        };
        let rows = [
            (cause_name, *scause, self.why()),
            (pc_name, *sepc, sepc.map(code).unwrap_or_default()),
            (value_name, *stval, stval_means.to_owned()),
            (status_name, *status, self.status_means()),
            ("ra", *ra, ra.map(code).unwrap_or_default()),
            ("sp", *sp, String::new()),
            ("satp", *satp, satp.map(tables).unwrap_or_default()),
            ("time", *time, "ticks".to_owned()),
        ];
        let known = rows.into_iter();
        known
            .filter_map(|(name, value, means)| Some((name, value?, means)))
            .collect()
    }
}

/// Registers, explanations and hints as text.
pub fn table(out: &mut dyn Write, it: &Explained) -> io::Result<()> {
    match &it.crash.message {
        Some(message) => writeln!(out, "{}", words::printable(message))?,
        None => writeln!(out, "{}", it.why())?,
    }
    let mut columns = Columns::new([
        ("register", ColumnSide::Left),
        ("value", ColumnSide::Left),
        ("means", ColumnSide::Left),
    ]);
    let digits = it.xlen.bits() as usize / 4 + 2;
    for (name, value, mut means) in it.rows() {
        if let Some(SourceText {
            file,
            line,
            inlined,
        }) = it.source(name, value)
        {
            let inlined = inlined.map(|name| format!("inlined {name}"));
            let place = format!("{file}:{line}");
            let parts = [Some(means), inlined, Some(place)];
            let told = parts.into_iter().flatten().filter(|part| !part.is_empty());
            means = told.collect::<Vec<_>>().join(" at ");
        }
        let value = match name {
            "time" => value.to_string(),
            _ => format!("{value:#0digits$x}"),
        };
        columns.row([name.to_owned(), value, means]);
    }
    columns.write(out, 0)?;
    for hint in it.crash.hints(it.xlen) {
        writeln!(out, "{hint}")?;
    }
    if let Some(stopped) = it.stopped().filter(|_| !it.has_walk) {
        writeln!(out, "{stopped}")?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ExplainRow {
    name: &'static str,
    value: Hex<u64>,
    means: String,
    source: Option<SourceText>,
}

/// Schema `pagewalk.explain/1`, in docs/json.md.
pub fn json(out: &mut dyn Write, it: &Explained) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.explain/1")?;
    object.member("message", it.crash.message.as_deref())?;
    object.member("cause", it.why())?;
    object.member("xlen", it.xlen.bits())?;
    let rows = it
        .rows()
        .into_iter()
        .map(|(name, value, means)| ExplainRow {
            name,
            value: Hex(value),
            means,
            source: it.source(name, value),
        });
    object.list("registers", rows)?;
    object.list("hints", it.crash.hints(it.xlen))?;
    object.member("stopped", it.stopped())?;
    object.list("missing", it.crash.missing())?;
    object.end()
}
