//! Address spaces as a table, JSON or CSV.

use std::io::{self, Write};

use model::AddressSpace;
use model::space::{Finding, MappedRange, NamedArea, range_names};
use pagetable::{Attributes, Mode};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns, stream};
use crate::json::{Hex, JsonObject, JsonText};
use crate::rows::RowLimit;
use crate::words::{self, ExactSize, RoundSize, counted};

impl View for [AddressSpace] {
    /// For each space: root, ranges, problems, totals.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        for (place, space) in self.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            one_table(out, space)?;
        }
        Ok(())
    }

    /// Schema `pagewalk.map/1`; `pagewalk.maps/1` for several spaces.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let [space] = self else {
            let all = self.iter().map(|space| {
                let satp = space.satp();
                JsonSpace {
                    name: &space.name,
                    satp: Hex(satp.encode(satp.mode.xlen())),
                    mode: satp.mode.name(),
                    asid: satp.asid,
                    root_pa: Hex(satp.root.raw()),
                    ranges: JsonRanges(space),
                    problems: space.problems.iter().map(JsonProblem::from).collect(),
                }
            });
            let mut object = JsonObject::begin(out, "pagewalk.maps/1")?;
            object.staleness(is_any_stale(self))?;
            object.list("spaces", all)?;
            return object.end();
        };
        let satp = space.satp();
        let mut object = JsonObject::begin(out, "pagewalk.map/1")?;
        object.member("satp", Hex(satp.encode(satp.mode.xlen())))?;
        object.member("mode", satp.mode.name())?;
        object.member("asid", satp.asid)?;
        object.member("root_pa", Hex(satp.root.raw()))?;
        object.staleness(space.is_possibly_stale)?;
        object.list("ranges", json_ranges(space))?;
        object.list("problems", space.problems.iter().map(JsonProblem::from))?;
        object.end()
    }

    /// One row per range, without problems; with several spaces, `satp` is the first column.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let is_alone = self.len() == 1;
        let names = [&CSV_MAPPING[..], &["napot", "rsw"]].concat();
        let first = usize::from(is_alone);
        // As the column of staleness: where nothing has a name, there is none.
        let has_names = self.iter().any(|space| !space.areas.is_empty());
        let names: Vec<&str> = names
            .into_iter()
            .chain(has_names.then_some("name"))
            .collect();
        let mut rows = RowLimit::begin(out, &names[first..], is_any_stale(self))?;
        for (satp, range, areas) in self.iter().flat_map(|space| {
            let satp = space.satp().encode(space.mode().xlen());
            space.each().map(move |range| (satp, range, &space.areas))
        }) {
            let mut cells = csv_mapping(satp, &range).to_vec();
            cells.push(range.leaf.is_napot.to_string());
            cells.push(range.flags().rsw().to_string());
            cells.extend(has_names.then(|| range_names(areas, &range)));
            rows.row(&cells[first..])?;
        }
        rows.end()
    }
}

/// Whether any space may be stale.
pub(crate) fn is_any_stale<'a>(spaces: impl IntoIterator<Item = &'a AddressSpace>) -> bool {
    spaces.into_iter().any(|space| space.is_possibly_stale)
}

/// Name and `satp` of a space.
pub(crate) fn heading(space: &AddressSpace) -> String {
    let satp = words::satp(space.satp());
    match space.name.is_empty() {
        true => satp,
        false => format!("{}: {satp}", words::printable(&space.name)),
    }
}

fn one_table(out: &mut dyn Write, space: &AddressSpace) -> io::Result<()> {
    let mode = space.mode();
    writeln!(out, "{}", heading(space))?;
    words::staleness(out, space.is_possibly_stale)?;
    let [va, pa, size, perms, page, memory] = MAPPING;
    let headings = [
        va,
        pa,
        size,
        perms,
        page,
        memory,
        ("rsw", ColumnSide::Right),
        ("pieces", ColumnSide::Right),
        ("name", ColumnSide::Left),
    ];
    let total = space.count();
    match total.ranges == 0 {
        true if space.is_part() => writeln!(out, "nothing of that is mapped")?,
        true => writeln!(out, "nothing is mapped")?,
        false => stream(out, headings, || {
            space.each().map(|range| row(mode, &range, &space.areas))
        })?,
    }
    if space.is_part() {
        writeln!(
            out,
            "\n{} in {}, {} mapped, of what was asked for",
            counted(total.leaves, "entry", "entries"),
            counted(total.ranges, "range", "ranges"),
            RoundSize(total.bytes),
        )?;
        return left_out(out, space);
    }
    if !space.problems.is_empty() {
        writeln!(out, "\nproblems")?;
        problems(out, mode, &space.problems)?;
    }
    writeln!(
        out,
        "\n{} in {}, {} mapped, {}",
        counted(total.leaves, "entry", "entries"),
        counted(total.ranges, "range", "ranges"),
        RoundSize(total.bytes),
        match space.problems.len() {
            0 => "no problems".to_owned(),
            some => counted(some, "problem", "problems"),
        }
    )?;
    left_out(out, space)
}

/// Reports mapped entries that are not listed.
fn left_out(out: &mut dyn Write, space: &AddressSpace) -> io::Result<()> {
    match space.left_out {
        0 => Ok(()),
        some => writeln!(
            out,
            "and {} on further ways to tables that are listed, {} mapped in all",
            counted(some, "entry", "entries"),
            RoundSize(space.mapped_bytes)
        ),
    }
}

/// Headings of [`mapping_cells`].
pub(crate) const MAPPING: [(&str, ColumnSide); 6] = [
    ("va", ColumnSide::Left),
    ("pa", ColumnSide::Left),
    ("size", ColumnSide::Right),
    ("perms", ColumnSide::Left),
    ("page", ColumnSide::Right),
    ("memory", ColumnSide::Left),
];

/// The columns of a table that every list of mappings begins with.
pub(crate) fn mapping_cells(mode: Mode, range: &MappedRange) -> [String; 6] {
    [
        words::va(mode, range.va),
        words::pa(mode, range.pa),
        ExactSize(range.bytes).to_string(),
        range.flags().flags().to_string(),
        ExactSize(range.leaf.page_bytes).to_string(),
        words::attributes(range.attributes()),
    ]
}

/// The first columns of a row of CSV: names and cells of a mapping.
pub(crate) const CSV_MAPPING: [&str; 8] = [
    "satp",
    "va",
    "pa",
    "size",
    "perms",
    "page_size",
    "level",
    "memory",
];

/// The cells of [`CSV_MAPPING`]; numbers of sizes are in bytes.
pub(crate) fn csv_mapping(satp: u64, range: &MappedRange) -> [String; 8] {
    [
        format!("{satp:#x}"),
        format!("{:#x}", range.va),
        format!("{:#x}", range.pa),
        range.bytes.to_string(),
        range.flags().flags().to_string(),
        range.leaf.page_bytes.to_string(),
        range.leaf.level.to_string(),
        memory_word(range.attributes()),
    ]
}

fn row(mode: Mode, range: &MappedRange, areas: &[NamedArea]) -> [String; 9] {
    let [va, pa, size, perms, page, memory] = mapping_cells(mode, range);
    [
        va,
        pa,
        size,
        perms,
        page,
        memory,
        words::rsw(range.flags()),
        match range.pieces {
            1 => String::new(),
            many => many.to_string(),
        },
        range_names(areas, range),
    ]
}

fn problems(out: &mut dyn Write, mode: Mode, findings: &[Finding]) -> io::Result<()> {
    let mut columns = Columns::new([
        ("table", ColumnSide::Left),
        ("index", ColumnSide::Right),
        ("level", ColumnSide::Right),
        ("entry", ColumnSide::Left),
        ("first va", ColumnSide::Left),
        ("times", ColumnSide::Right),
        ("reason", ColumnSide::Left),
    ]);
    for Finding { problem, times, .. } in findings {
        let last = problem.index + problem.count - 1;
        columns.row([
            words::pa(mode, problem.table),
            match problem.count {
                1 => problem.index.to_string(),
                _ => format!("{}-{last}", problem.index),
            },
            problem.level.to_string(),
            problem
                .entry
                .map(|pte| words::pte(mode, pte.raw()))
                .unwrap_or_default(),
            words::va(mode, problem.va),
            match times {
                1 => String::new(),
                _ => times.to_string(),
            },
            problem.text().to_owned(),
        ]);
    }
    columns.write(out, 2)
}

#[derive(Serialize)]
pub(crate) struct JsonRange {
    va: Hex<u64>,
    pa: Hex<u64>,
    size: u64,
    perms: JsonText<pagetable::Flags>,
    page_size: u64,
    level: u8,
    #[serde(flatten)]
    memory: JsonMemory,
    napot: bool,
    rsw: u8,
    /// Present if the range has several physical pieces: then `pa` is that of the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pieces: Option<u32>,
    /// Present if what it maps has a name.
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
}

/// Memory attributes in JSON: a member named after the dialect.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JsonMemory {
    Pbmt(&'static str),
    THead(JsonTHead),
}

#[derive(Serialize)]
pub(crate) struct JsonTHead {
    so: bool,
    c: bool,
    b: bool,
    sh: bool,
    sec: bool,
}

impl From<Attributes> for JsonMemory {
    fn from(attributes: Attributes) -> Self {
        match attributes {
            Attributes::Pbmt(pbmt) => JsonMemory::Pbmt(pbmt.name()),
            Attributes::THead(bits) => JsonMemory::THead(JsonTHead {
                so: bits.strong_order,
                c: bits.cacheable,
                b: bits.bufferable,
                sh: bits.shareable,
                sec: bits.secure,
            }),
        }
    }
}

/// The ranges of a space, with the names of what they map.
fn json_ranges(space: &AddressSpace) -> impl Iterator<Item = JsonRange> + '_ {
    space.each().map(|range| JsonRange {
        name: range_names(&space.areas, &range),
        ..JsonRange::from(range)
    })
}

/// Serializes the ranges of a space one by one.
struct JsonRanges<'a>(&'a AddressSpace);

impl Serialize for JsonRanges<'_> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(json_ranges(self.0))
    }
}

impl From<MappedRange> for JsonRange {
    fn from(range: MappedRange) -> Self {
        JsonRange {
            va: Hex(range.va.raw()),
            pa: Hex(range.pa.raw()),
            size: range.bytes,
            perms: JsonText(range.flags().flags()),
            page_size: range.leaf.page_bytes,
            level: range.leaf.level,
            memory: range.attributes().into(),
            napot: range.leaf.is_napot,
            rsw: range.flags().rsw(),
            pieces: (range.pieces > 1).then_some(range.pieces),
            name: String::new(),
        }
    }
}

#[derive(Serialize)]
struct JsonProblem {
    table: Hex<u64>,
    index: u16,
    count: u16,
    level: u8,
    va: Hex<u64>,
    entry: Option<Hex<u64>>,
    reason: &'static str,
    times: u64,
}

impl From<&Finding> for JsonProblem {
    fn from(finding: &Finding) -> Self {
        let problem = &finding.problem;
        JsonProblem {
            table: Hex(problem.table.raw()),
            index: problem.index,
            count: problem.count,
            level: problem.level,
            va: Hex(problem.va.raw()),
            entry: problem.entry.map(|pte| Hex(pte.raw())),
            reason: problem.text(),
            times: finding.times,
        }
    }
}

/// A space in a list of several.
#[derive(Serialize)]
struct JsonSpace<'a> {
    name: &'a str,
    satp: Hex<u64>,
    mode: &'static str,
    asid: u16,
    root_pa: Hex<u64>,
    ranges: JsonRanges<'a>,
    problems: Vec<JsonProblem>,
}

/// Memory type for a CSV cell; T-Head's bits are joined by `+`.
pub(crate) fn memory_word(attributes: Attributes) -> String {
    match attributes {
        Attributes::Pbmt(pbmt) => pbmt.name().to_owned(),
        Attributes::THead(_) => words::attributes(attributes).replace(',', "+"),
    }
}
