//! Differences between two snapshots.

use std::io::{self, Write};

use model::diff::{Change, Diff, MappedPage as Was};
use pagetable::{Mode, Satp};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject, JsonText};
use crate::map::{JsonMemory, memory_word};
use crate::rows::RowLimit;
use crate::words::{self, ExactSize, RoundSize, counted};

fn is_any_stale(diffs: &[Diff]) -> bool {
    diffs.iter().any(|diff| diff.is_possibly_stale)
}

fn mode(diff: &Diff) -> Mode {
    diff.after
        .or(diff.before)
        .map_or(Mode::Bare, |satp| satp.mode)
}

fn raw(satp: Option<Satp>) -> Option<u64> {
    satp.map(|satp| satp.encode(satp.mode.xlen()))
}

fn kinds(change: &Change) -> String {
    let kinds: Vec<&str> = change.kinds.iter().map(|kind| kind.name()).collect();
    kinds.join("+")
}

/// One value where both are equal, otherwise `before -> after`.
fn both(change: &Change, words: impl Fn(&Was) -> String) -> String {
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => {
            let (before, after) = (words(before), words(after));
            match before == after {
                true => after,
                false => format!("{before} -> {after}"),
            }
        }
        (one, other) => one.iter().chain(other).map(words).collect(),
    }
}

/// Memory type: empty where it is the platform's default and unchanged.
fn memory(change: &Change) -> String {
    let attributes = |side: &Option<Was>| side.as_ref().map(|side| side.leaf.attributes);
    match (attributes(&change.before), attributes(&change.after)) {
        (Some(before), Some(after)) if before != after => {
            format!("{} -> {}", memory_word(before), memory_word(after))
        }
        (before, after) => after.or(before).map(words::attributes).unwrap_or_default(),
    }
}

impl View for [Diff] {
    /// For each space: roots, differences, totals.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, diff) in self.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            one(out, diff)?;
        }
        Ok(())
    }

    /// Schema `pagewalk.diff/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.diff/1")?;
        object.staleness(is_any_stale(self))?;
        let spaces = self.iter().map(|diff| JsonDiff {
            name: &diff.name,
            before: raw(diff.before).map(Hex),
            after: raw(diff.after).map(Hex),
            same: u64::try_from(diff.same_bytes).unwrap_or(u64::MAX),
            changes: diff
                .changes
                .iter()
                .map(|change| JsonChange {
                    kinds: change.kinds.iter().map(|kind| kind.name()).collect(),
                    va: Hex(change.va.raw()),
                    size: change.bytes,
                    before: change.before.as_ref().map(JsonSide::from),
                    after: change.after.as_ref().map(JsonSide::from),
                })
                .collect(),
        });
        object.list("spaces", spaces)?;
        object.end()
    }

    /// One row per difference.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = [
            "satp",
            "change",
            "va",
            "size",
            "perms_before",
            "perms_after",
            "pa_before",
            "pa_after",
            "page_size_before",
            "page_size_after",
            "memory_before",
            "memory_after",
        ];
        let mut rows = RowLimit::begin(out, &names, is_any_stale(self))?;
        for (diff, change) in self
            .iter()
            .flat_map(|diff| diff.changes.iter().map(move |it| (diff, it)))
        {
            let cell = |side: &Option<Was>, words: fn(&Was) -> String| {
                side.as_ref().map(words).unwrap_or_default()
            };
            let satp = raw(diff.after.or(diff.before)).unwrap_or_default();
            let mut row = vec![
                format!("{satp:#x}"),
                kinds(change),
                format!("{:#x}", change.va),
                change.bytes.to_string(),
            ];
            let cells: [fn(&Was) -> String; 4] = [
                |side| side.leaf.pte.flags().to_string(),
                |side| format!("{:#x}", side.pa),
                |side| side.leaf.page_bytes.to_string(),
                |side| memory_word(side.leaf.attributes),
            ];
            for words in cells {
                row.push(cell(&change.before, words));
                row.push(cell(&change.after, words));
            }
            rows.row(&row)?;
        }
        rows.end()
    }
}

fn one(out: &mut dyn Write, diff: &Diff) -> io::Result<()> {
    let mode = mode(diff);
    if !diff.name.is_empty() {
        write!(out, "{}: ", words::printable(&diff.name))?;
    }
    match (diff.before, diff.after) {
        (Some(before), Some(after)) if before == after => writeln!(out, "{}", words::satp(after))?,
        (Some(before), Some(after)) => {
            writeln!(out, "{}\nnow {}", words::satp(before), words::satp(after))?;
        }
        (Some(gone), None) => writeln!(out, "gone: {}", words::satp(gone))?,
        (None, Some(new)) => writeln!(out, "new: {}", words::satp(new))?,
        (None, None) => {}
    }
    words::staleness(out, diff.is_possibly_stale)?;
    let mut columns = Columns::new([
        ("change", ColumnSide::Left),
        ("va", ColumnSide::Left),
        ("size", ColumnSide::Right),
        ("perms", ColumnSide::Left),
        ("pa", ColumnSide::Left),
        ("page", ColumnSide::Left),
        ("memory", ColumnSide::Left),
        ("rsw", ColumnSide::Left),
    ]);
    for change in &diff.changes {
        columns.row([
            kinds(change),
            words::va(mode, change.va),
            ExactSize(change.bytes).to_string(),
            both(change, |side| side.leaf.pte.flags().to_string()),
            both(change, |side| words::pa(mode, side.pa)),
            both(change, |side| ExactSize(side.leaf.page_bytes).to_string()),
            memory(change),
            both(change, |side| words::rsw(side.leaf.pte)),
        ]);
    }
    if !diff.changes.is_empty() {
        columns.write(out, 0)?;
        writeln!(out)?;
    }
    let totals = diff
        .totals()
        .map(|(kind, bytes)| format!("{} {}", RoundSize(bytes), kind.name()));
    let mut totals: Vec<String> = totals.collect();
    totals.push(format!("{} as before", RoundSize(diff.same_bytes)));
    let changes = match diff.changes.len() {
        0 => "no changes".to_owned(),
        some => counted(some, "change", "changes"),
    };
    writeln!(out, "{changes}: {}", totals.join(", "))
}

#[derive(Serialize)]
struct JsonSide {
    pa: Hex<u64>,
    perms: JsonText<pagetable::Flags>,
    page_size: u64,
    level: u8,
    #[serde(flatten)]
    memory: JsonMemory,
    napot: bool,
    rsw: u8,
}

impl From<&Was> for JsonSide {
    fn from(side: &Was) -> Self {
        JsonSide {
            pa: Hex(side.pa.raw()),
            perms: JsonText(side.leaf.pte.flags()),
            page_size: side.leaf.page_bytes,
            level: side.leaf.level,
            memory: side.leaf.attributes.into(),
            napot: side.leaf.is_napot,
            rsw: side.leaf.pte.rsw(),
        }
    }
}

#[derive(Serialize)]
struct JsonChange {
    kinds: Vec<&'static str>,
    va: Hex<u64>,
    size: u64,
    before: Option<JsonSide>,
    after: Option<JsonSide>,
}

#[derive(Serialize)]
struct JsonDiff<'a> {
    name: &'a str,
    before: Option<Hex<u64>>,
    after: Option<Hex<u64>>,
    same: u64,
    changes: Vec<JsonChange>,
}
