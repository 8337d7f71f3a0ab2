//! Lint findings, and the list of rules.

use std::io::{self, Write};

use model::AddressSpace;
use model::lint::{Lint, Mmu, RULES, Severity};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::map::{heading, is_any_stale};
use crate::rows::RowLimit;
use crate::words::{self, ExactSize};

/// Findings and the spaces they refer to.
pub struct Judged<'a> {
    /// Spaces that were checked.
    pub spaces: &'a [AddressSpace],
    /// Findings, by severity.
    pub lints: Vec<Lint>,
}

impl Judged<'_> {
    /// Number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let is_so = |it: &&Lint| it.rule.severity == severity;
        self.lints.iter().filter(is_so).count()
    }
}

impl View for Judged<'_> {
    /// Findings grouped by rule, with advice.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, space) in self.spaces.iter().enumerate() {
            match self.spaces.len() {
                1 => writeln!(out, "{}", heading(space))?,
                _ => writeln!(out, "[{place}] {}", heading(space))?,
            }
        }
        words::staleness(out, is_any_stale(self.spaces))?;
        let mut rest = &self.lints[..];
        while let Some(first) = rest.first() {
            let (same, others) =
                rest.split_at(rest.iter().take_while(|it| is_alike(it, first)).count());
            rest = others;
            let rule = first.rule;
            let mmu = match first.mmu {
                Mmu::Accepts => "the MMU accepts it",
                Mmu::Refuses => "the MMU refuses it",
                Mmu::Unknown => "what the MMU does is not known",
            };
            writeln!(
                out,
                "\n{} {}: {}; {mmu}",
                rule.severity.name(),
                rule.name,
                rule.summary
            )?;
            rows(out, self, same)?;
            writeln!(out, "  -> {}", rule.advice)?;
        }
        let counts = [Severity::Error, Severity::Warning, Severity::Info].map(|severity| {
            let name = severity.name();
            let number = self.count(severity);
            let s = if number == 1 || severity == Severity::Info {
                ""
            } else {
                "s"
            };
            format!("{number} {name}{s}")
        });
        writeln!(out, "\n{}", counts.join(", "))
    }

    /// Schema `pagewalk.lint/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.lint/1")?;
        object.member("errors", self.count(Severity::Error))?;
        object.member("warnings", self.count(Severity::Warning))?;
        object.member("infos", self.count(Severity::Info))?;
        object.staleness(is_any_stale(self.spaces))?;
        let lints = self.lints.iter().map(|lint| JsonLint::of(self, lint));
        object.list("findings", lints)?;
        object.end()
    }

    /// One row per finding.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = [
            "rule", "severity", "mmu", "satp", "va", "size", "pa", "entry_at", "entry", "detail",
        ];
        let mut rows = RowLimit::begin(out, &names, is_any_stale(self.spaces))?;
        for lint in self.lints.iter().map(|lint| JsonLint::of(self, lint)) {
            let hex = |number: &Option<Hex<u64>>| {
                number
                    .as_ref()
                    .map(|it| format!("{:#x}", it.0))
                    .unwrap_or_default()
            };
            rows.row(&[
                lint.rule.to_owned(),
                lint.severity.to_owned(),
                lint.mmu.to_owned(),
                format!("{:#x}", lint.satp.0),
                format!("{:#x}", lint.va.0),
                lint.size.to_string(),
                hex(&lint.pa),
                hex(&lint.entry_at),
                hex(&lint.entry),
                lint.detail.to_owned(),
            ])?;
        }
        rows.end()
    }
}

/// Whether two findings belong under one heading.
fn is_alike(one: &Lint, other: &Lint) -> bool {
    (one.rule, one.mmu) == (other.rule, other.mmu)
}

fn rows(out: &mut dyn Write, judged: &Judged<'_>, lints: &[Lint]) -> io::Result<()> {
    let mut columns = Columns::new([
        ("root", ColumnSide::Right),
        ("va", ColumnSide::Left),
        ("size", ColumnSide::Right),
        ("pa", ColumnSide::Left),
        ("entry at", ColumnSide::Left),
        ("entry", ColumnSide::Left),
        ("what", ColumnSide::Left),
    ]);
    for lint in lints {
        let mode = judged.spaces[lint.space].mode();
        columns.row([
            match judged.spaces.len() {
                1 => String::new(),
                _ => format!("[{}]", lint.space),
            },
            words::va(mode, lint.va),
            match lint.bytes {
                0 => String::new(),
                bytes => ExactSize(bytes).to_string(),
            },
            lint.pa.map(|at| words::pa(mode, at)).unwrap_or_default(),
            lint.entry_at
                .map(|at| words::pa(mode, at))
                .unwrap_or_default(),
            lint.entry
                .map(|pte| words::pte(mode, pte.raw()))
                .unwrap_or_default(),
            lint.detail.clone(),
        ]);
    }
    columns.write(out, 2)
}

#[derive(Serialize)]
struct JsonLint<'a> {
    rule: &'static str,
    severity: &'static str,
    mmu: &'static str,
    satp: Hex<u64>,
    va: Hex<u64>,
    size: u64,
    pa: Option<Hex<u64>>,
    entry_at: Option<Hex<u64>>,
    entry: Option<Hex<u64>>,
    says: &'static str,
    detail: &'a str,
    advice: &'static str,
}

impl<'a> JsonLint<'a> {
    fn of(judged: &Judged<'_>, lint: &'a Lint) -> JsonLint<'a> {
        let space = &judged.spaces[lint.space];
        JsonLint {
            rule: lint.rule.name,
            severity: lint.rule.severity.name(),
            mmu: lint.mmu.name(),
            satp: Hex(space.satp().encode(space.mode().xlen())),
            va: Hex(lint.va.raw()),
            size: lint.bytes,
            pa: lint.pa.map(|at| Hex(at.raw())),
            entry_at: lint.entry_at.map(|at| Hex(at.raw())),
            entry: lint.entry.map(|pte| Hex(pte.raw())),
            says: lint.rule.summary,
            detail: &lint.detail,
            advice: lint.rule.advice,
        }
    }
}

/// Writes every rule, by severity.
pub fn rules(out: &mut dyn Write) -> io::Result<()> {
    let mut columns = Columns::new([
        ("severity", ColumnSide::Left),
        ("rule", ColumnSide::Left),
        ("the MMU", ColumnSide::Left),
        ("looks for", ColumnSide::Left),
    ]);
    for rule in RULES {
        columns.row([
            rule.severity.name().to_owned(),
            rule.name.to_owned(),
            rule.mmu.name().to_owned(),
            rule.summary.to_owned(),
        ]);
    }
    columns.write(out, 2)
}
