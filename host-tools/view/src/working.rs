//! The working set: a snapshot, or periodic samples.

use std::io::{self, Write};

use model::AddressSpace;
use model::working::{Sample, Used, WorkingSet};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::map::{JsonRange, heading, is_any_stale};
use crate::rows::RowLimit;
use crate::stats::bytes;
use crate::words::{self, ExactSize, RoundSize};

impl View for [(&AddressSpace, WorkingSet)] {
    /// Mapped, accessed and dirty bytes by permission.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, (space, set)) in self.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}", heading(space))?;
            words::staleness(out, space.is_possibly_stale)?;
            one(out, space, set)?;
        }
        Ok(())
    }

    /// Schema `pagewalk.ws/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let spaces = self.iter().map(|(space, set)| JsonSet {
            name: &space.name,
            satp: Hex(space.satp().encode(space.mode().xlen())),
            all: JsonUsed::of(None, &set.all),
            permissions: set
                .permissions
                .iter()
                .map(|(perms, used)| JsonUsed::of(Some(perms), used))
                .collect(),
            ranges: set.ranges.iter().copied().map(JsonRange::from).collect(),
        });
        let mut object = JsonObject::begin(out, "pagewalk.ws/1")?;
        object.staleness(is_any_stale(self.iter().map(|it| it.0)))?;
        object.list("spaces", spaces)?;
        object.end()
    }

    /// One row per range of accessed pages.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = ["satp", "va", "size", "perms", "page_size"];
        let mut rows = RowLimit::begin(out, &names, is_any_stale(self.iter().map(|it| it.0)))?;
        for (space, range) in self
            .iter()
            .flat_map(|(space, set)| set.ranges.iter().map(move |it| (space, it)))
        {
            rows.row(&[
                format!("{:#x}", space.satp().encode(space.mode().xlen())),
                format!("{:#x}", range.va),
                range.bytes.to_string(),
                range.flags().flags().to_string(),
                range.leaf.page_bytes.to_string(),
            ])?;
        }
        rows.end()
    }
}

fn one(out: &mut dyn Write, space: &AddressSpace, set: &WorkingSet) -> io::Result<()> {
    let mode = space.mode();
    let mut ranges = Columns::new([
        ("used", ColumnSide::Left),
        ("size", ColumnSide::Right),
        ("perms", ColumnSide::Left),
        ("page", ColumnSide::Right),
    ]);
    for range in &set.ranges {
        ranges.row([
            words::va(mode, range.va),
            ExactSize(range.bytes).to_string(),
            range.flags().flags().to_string(),
            ExactSize(range.leaf.page_bytes).to_string(),
        ]);
    }
    if !set.ranges.is_empty() {
        ranges.write(out, 0)?;
        writeln!(out)?;
    }
    let mut columns = Columns::new([
        ("perms", ColumnSide::Left),
        ("mapped", ColumnSide::Right),
        ("used (A)", ColumnSide::Right),
        ("written (D)", ColumnSide::Right),
    ]);
    let all = [("all".to_owned(), set.all)];
    let permissions = set
        .permissions
        .iter()
        .map(|(letters, used)| (letters.clone(), *used));
    for (letters, used) in permissions.chain(all) {
        columns.row([
            letters,
            RoundSize(used.mapped).to_string(),
            RoundSize(used.accessed).to_string(),
            RoundSize(used.dirty).to_string(),
        ]);
    }
    columns.write(out, 0)
}

#[derive(Serialize)]
struct JsonUsed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    perms: Option<&'a str>,
    mapped: u64,
    accessed: u64,
    dirty: u64,
}

impl<'a> JsonUsed<'a> {
    fn of(perms: Option<&'a str>, used: &Used) -> JsonUsed<'a> {
        JsonUsed {
            perms,
            mapped: bytes(used.mapped),
            accessed: bytes(used.accessed),
            dirty: bytes(used.dirty),
        }
    }
}

#[derive(Serialize)]
struct JsonSet<'a> {
    name: &'a str,
    satp: Hex<u64>,
    all: JsonUsed<'a>,
    permissions: Vec<JsonUsed<'a>>,
    ranges: Vec<JsonRange>,
}

/// Writes the headings over the lines of [`sample`].
pub fn sample_head(out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>10}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
        "seconds", "mapped", "used", "written", "+used", "+written", "cleared"
    )
}

/// Writes a sample as one line.
pub fn sample(out: &mut dyn Write, sample: &Sample) -> io::Result<()> {
    writeln!(
        out,
        "{:>10.3}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}  {:>9}",
        sample.time_us as f64 / 1e6,
        RoundSize(sample.used.mapped).to_string(),
        RoundSize(sample.used.accessed).to_string(),
        RoundSize(sample.used.dirty).to_string(),
        RoundSize(sample.newly_accessed).to_string(),
        RoundSize(sample.newly_dirty).to_string(),
        RoundSize(sample.cleared).to_string()
    )
}

/// Column names of [`sample_csv`].
pub const SAMPLE_NAMES: &str =
    "time_us,mapped,accessed,dirty,newly_accessed,newly_dirty,cleared,added,removed";

fn cells(sample: &Sample) -> [u128; 9] {
    [
        sample.time_us.into(),
        sample.used.mapped,
        sample.used.accessed,
        sample.used.dirty,
        sample.newly_accessed,
        sample.newly_dirty,
        sample.cleared,
        sample.added,
        sample.removed,
    ]
}

/// Column that follows [`SAMPLE_NAMES`] if samples may be stale.
pub const STALE_NAME: &str = ",possibly_stale";

/// Writes a sample as one CSV row.
pub fn sample_csv(out: &mut dyn Write, sample: &Sample, says_stale: bool) -> io::Result<()> {
    let cells = cells(sample).map(|it| it.to_string());
    write!(out, "{}", cells.join(","))?;
    if says_stale {
        write!(out, ",{}", sample.is_possibly_stale)?;
    }
    writeln!(out)
}

/// Writes a sample as one line of JSON.
pub fn sample_json(out: &mut dyn Write, sample: &Sample) -> io::Result<()> {
    let cells = cells(sample).map(|it| it.to_string());
    let pairs = SAMPLE_NAMES
        .split(',')
        .zip(cells)
        .map(|(name, it)| format!("\"{name}\": {it}"));
    let mut pairs: Vec<String> = pairs.collect();
    if sample.is_possibly_stale {
        pairs.push("\"possibly_stale\": true".to_owned());
    }
    writeln!(
        out,
        "{{\"schema\": \"pagewalk.sample/1\", {}}}",
        pairs.join(", ")
    )
}
