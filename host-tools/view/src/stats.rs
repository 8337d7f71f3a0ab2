//! Statistics of address spaces.

use std::io::{self, Write};

use model::AddressSpace;
use model::stats::Stats;
use pagetable::PAGE_BYTES;
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::map::{heading, is_any_stale};
use crate::rows::RowLimit;
use crate::words::{self, ExactSize, RoundSize, counted};

impl View for [(&AddressSpace, Stats)] {
    /// Tables, page sizes, permissions, TLB reach.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, (space, stats)) in self.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}", heading(space))?;
            words::staleness(out, space.is_possibly_stale)?;
            one(out, space, stats)?;
        }
        Ok(())
    }

    /// Schema `pagewalk.stats/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let spaces = self.iter().map(|(space, stats)| JsonStats {
            name: &space.name,
            satp: Hex(space.satp().encode(space.mode().xlen())),
            mapped: bytes(space.mapped_bytes),
            ranges: stats.ranges,
            joinable: bytes(stats.joinable_bytes),
            translations: stats.translations(),
            levels: stats
                .levels
                .iter()
                .map(|(level, it)| JsonLevel {
                    level: *level,
                    tables: it.tables,
                    empty: it.empty,
                    valid: it.valid,
                })
                .collect(),
            sizes: stats
                .sizes
                .iter()
                .map(|(size, (mapped, pages))| JsonSize {
                    page_size: *size,
                    pages: *pages,
                    bytes: bytes(*mapped),
                })
                .collect(),
            permissions: stats
                .permissions
                .iter()
                .map(|(perms, mapped)| JsonPermission {
                    perms,
                    bytes: bytes(*mapped),
                })
                .collect(),
            tlb_reach: stats
                .reach
                .iter()
                .map(|(entries, reached)| JsonReach {
                    entries: *entries,
                    bytes: bytes(*reached),
                })
                .collect(),
        });
        let mut object = JsonObject::begin(out, "pagewalk.stats/1")?;
        object.staleness(is_any_stale(self.iter().map(|it| it.0)))?;
        object.list("spaces", spaces)?;
        object.end()
    }

    /// One row per figure: `satp,what,of,count,bytes`.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = ["satp", "what", "of", "count", "bytes"];
        let mut rows = RowLimit::begin(out, &names, is_any_stale(self.iter().map(|it| it.0)))?;
        for (space, stats) in self {
            let satp = format!("{:#x}", space.satp().encode(space.mode().xlen()));
            let mut row = |what: &str, of: String, count: u64, size: u128| {
                let cells = [&satp, what, &of, &count.to_string(), &size.to_string()];
                rows.row(&cells)
            };
            for (level, it) in &stats.levels {
                row(
                    "tables",
                    level.to_string(),
                    it.tables,
                    u128::from(it.tables * PAGE_BYTES),
                )?;
                row(
                    "empty",
                    level.to_string(),
                    it.empty,
                    u128::from(it.empty * PAGE_BYTES),
                )?;
            }
            for (size, (mapped, pages)) in &stats.sizes {
                row("page", size.to_string(), *pages, *mapped)?;
            }
            for (perms, mapped) in &stats.permissions {
                row("perms", perms.clone(), 0, *mapped)?;
            }
            for (entries, reached) in &stats.reach {
                row("tlb", entries.to_string(), *entries, *reached)?;
            }
            row("ranges", String::new(), stats.ranges, space.mapped_bytes)?;
            row("joinable", String::new(), 0, stats.joinable_bytes)?;
        }
        rows.end()
    }
}

fn percent(part: f64, whole: f64) -> String {
    match whole {
        0.0 => "-".to_owned(),
        whole => format!("{:.1}%", 100.0 * part / whole),
    }
}

fn one(out: &mut dyn Write, space: &AddressSpace, stats: &Stats) -> io::Result<()> {
    let mut levels = Columns::new([
        ("level", ColumnSide::Right),
        ("tables", ColumnSide::Right),
        ("empty", ColumnSide::Right),
        ("entries", ColumnSide::Right),
        ("filled", ColumnSide::Right),
    ]);
    for (level, it) in stats.levels.iter().rev() {
        let room = it.tables * stats.entries_per_table;
        levels.row([
            level.to_string(),
            it.tables.to_string(),
            it.empty.to_string(),
            it.valid.to_string(),
            percent(it.valid as f64, room as f64),
        ]);
    }
    levels.write(out, 0)?;
    writeln!(
        out,
        "{} in {}, {} of them empty: {}\n",
        ExactSize(stats.tables() * PAGE_BYTES),
        counted(stats.tables(), "table", "tables"),
        stats.empty(),
        ExactSize(stats.empty() * PAGE_BYTES)
    )?;
    let whole = space.mapped_bytes as f64;
    let mut sizes = Columns::new([
        ("page", ColumnSide::Right),
        ("pages", ColumnSide::Right),
        ("mapped", ColumnSide::Right),
        ("of all", ColumnSide::Right),
    ]);
    for (size, (bytes, pages)) in stats.sizes.iter().rev() {
        sizes.row([
            ExactSize(*size).to_string(),
            pages.to_string(),
            RoundSize(*bytes).to_string(),
            percent(*bytes as f64, whole),
        ]);
    }
    sizes.write(out, 0)?;
    let mut permissions = Columns::new([
        ("perms", ColumnSide::Left),
        ("mapped", ColumnSide::Right),
        ("of all", ColumnSide::Right),
    ]);
    for (letters, bytes) in &stats.permissions {
        permissions.row([
            letters.clone(),
            RoundSize(*bytes).to_string(),
            percent(*bytes as f64, whole),
        ]);
    }
    writeln!(out)?;
    permissions.write(out, 0)?;
    let ranges = stats.ranges.max(1);
    writeln!(
        out,
        "\n{} mapped in {}, {} each; {} could be larger pages as they lie",
        RoundSize(space.mapped_bytes),
        counted(stats.ranges, "range", "ranges"),
        RoundSize(space.mapped_bytes / u128::from(ranges)),
        RoundSize(stats.joinable_bytes)
    )?;
    let reach = stats.reach.iter().map(|(entries, bytes)| {
        let part = percent(*bytes as f64, whole);
        format!("{entries} entries {} ({part})", RoundSize(*bytes))
    });
    let reach: Vec<String> = reach.collect();
    writeln!(
        out,
        "a TLB needs {} for all of it; at best it reaches with {}",
        counted(stats.translations(), "entry", "entries"),
        reach.join(", ")
    )
}

#[derive(Serialize)]
struct JsonLevel {
    level: u8,
    tables: u64,
    empty: u64,
    valid: u64,
}

#[derive(Serialize)]
struct JsonSize {
    page_size: u64,
    pages: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonPermission<'a> {
    perms: &'a str,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonReach {
    entries: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct JsonStats<'a> {
    name: &'a str,
    satp: Hex<u64>,
    mapped: u64,
    ranges: u64,
    joinable: u64,
    translations: u64,
    levels: Vec<JsonLevel>,
    sizes: Vec<JsonSize>,
    permissions: Vec<JsonPermission<'a>>,
    tlb_reach: Vec<JsonReach>,
}

/// A byte count in JSON, saturated at 2^64 - 1.
pub(crate) fn bytes(count: u128) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
