//! A guest's mappings through both stages, as a table, JSON or CSV.

use std::io::{self, Write};

use model::{GuestMap, GuestRange};
use pagetable::{Hgatp, PhysAddr, Pte, Satp, guest_mode_name};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::rows::RowLimit;
use crate::two_stage::hgatp;
use crate::words::{self, ExactSize, counted};

/// A guest's map with its registers.
pub struct GuestMapped {
    /// The guest's own root.
    pub vsatp: Satp,
    /// The root of the second stage.
    pub hgatp: Hgatp,
    /// The ranges of both.
    pub map: GuestMap,
}

fn flags(pte: Option<Pte>) -> String {
    pte.map_or_else(|| "-".to_owned(), |pte| pte.flags().to_string())
}

/// R, W and X that both stages permit.
fn both(range: &GuestRange) -> String {
    let pte = range.permits();
    let letters = [(Pte::READ, 'r'), (Pte::WRITE, 'w'), (Pte::EXEC, 'x')];
    letters
        .map(|(flag, letter)| if pte.has(flag) { letter } else { '-' })
        .into_iter()
        .collect()
}

const fn stage(is_second: bool) -> &'static str {
    if is_second { "G" } else { "VS" }
}

impl View for GuestMapped {
    /// The ranges, then what the MMU rejects.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "v{}", words::satp(self.vsatp))?;
        writeln!(out, "{}", hgatp(self.hgatp))?;
        let mut columns = Columns::new([
            ("va", ColumnSide::Left),
            ("guest pa", ColumnSide::Left),
            ("pa", ColumnSide::Left),
            ("size", ColumnSide::Right),
            ("guest", ColumnSide::Left),
            ("second", ColumnSide::Left),
            ("both", ColumnSide::Left),
        ]);
        let mode = self.hgatp.mode;
        for range in &self.map.ranges {
            let pa = range.pa.map(|pa| words::pa(mode, pa));
            columns.row([
                words::va(mode, range.va),
                words::pa(mode, PhysAddr::new(range.gpa)),
                pa.unwrap_or_else(|| "-".to_owned()),
                ExactSize(range.bytes).to_string(),
                flags(range.first),
                flags(range.second),
                both(range),
            ]);
        }
        match self.map.ranges.is_empty() {
            true => writeln!(out, "nothing is mapped")?,
            false => columns.write(out, 0)?,
        }
        if !self.map.problems.is_empty() {
            writeln!(out, "\nproblems")?;
        }
        for it in &self.map.problems {
            let problem = it.problem;
            writeln!(
                out,
                "{} {:#x}: level {}, table {}, entry {}: {}",
                stage(it.is_second),
                problem.va,
                problem.level,
                problem.table,
                problem.index,
                problem.text()
            )?;
        }
        let ranges = counted(self.map.ranges.len(), "range", "ranges");
        let cut = if self.map.is_cut {
            ", and more that were left out"
        } else {
            ""
        };
        writeln!(out, "\n{ranges}{cut}")
    }

    /// Schema `pagewalk.guest-map/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.guest-map/1")?;
        object.member("vsatp", Hex(self.vsatp.encode(self.vsatp.mode.xlen())))?;
        object.member("mode", self.vsatp.mode.name())?;
        object.member("hgatp", Hex(self.hgatp.encode(self.hgatp.mode.xlen())))?;
        object.member("guest_mode", guest_mode_name(self.hgatp.mode))?;
        let ranges = self.map.ranges.iter().map(|range| JsonGuestRange {
            va: Hex(range.va.raw()),
            gpa: Hex(range.gpa),
            pa: range.pa.map(|pa| Hex(pa.raw())),
            size: range.bytes,
            perms: range.first.map(|pte| pte.flags().to_string()),
            second: range.second.map(|pte| pte.flags().to_string()),
            both: both(range),
        });
        object.list("ranges", ranges)?;
        let problems = self.map.problems.iter().map(|it| JsonGuestProblem {
            stage: stage(it.is_second),
            va: Hex(it.problem.va.raw()),
            level: it.problem.level,
            table: Hex(it.problem.table.raw()),
            index: it.problem.index,
            count: it.problem.count,
            entry: it.problem.entry.map(|pte| Hex(pte.raw())),
            reason: it.problem.text(),
        });
        object.list("problems", problems)?;
        object.end()
    }

    /// One row per range.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = ["va", "gpa", "pa", "size", "perms", "second", "both"];
        let mut rows = RowLimit::begin(out, &names, false)?;
        for range in &self.map.ranges {
            rows.row(&[
                format!("{:#x}", range.va),
                format!("{:#x}", range.gpa),
                range.pa.map(|pa| format!("{pa:#x}")).unwrap_or_default(),
                range.bytes.to_string(),
                flags(range.first),
                flags(range.second),
                both(range),
            ])?;
        }
        rows.end()
    }
}

#[derive(Serialize)]
struct JsonGuestRange {
    va: Hex<u64>,
    gpa: Hex<u64>,
    pa: Option<Hex<u64>>,
    size: u64,
    perms: Option<String>,
    second: Option<String>,
    both: String,
}

#[derive(Serialize)]
struct JsonGuestProblem {
    stage: &'static str,
    va: Hex<u64>,
    level: u8,
    table: Hex<u64>,
    index: u16,
    count: u16,
    entry: Option<Hex<u64>>,
    reason: &'static str,
}
