//! Mappings of a physical address or of a byte pattern.

use std::io::{self, Write};

use model::AddressSpace;
use model::find::Hit;
use model::space::MappedRange;
use serde::Serialize;

use crate::View;
use crate::columns::Columns;
use crate::json::{Hex, JsonObject, JsonText};
use crate::map::{
    CSV_MAPPING, MAPPING, csv_mapping, heading, is_any_stale, mapping_cells, memory_word,
};
use crate::rows::RowLimit;
use crate::words::{self, counted};

/// A search and its results.
pub struct FoundMappings<'a> {
    /// The search as text: `0x80200000`, or `bytes 13 00 00 00`.
    pub question: String,
    /// Spaces that were searched.
    pub spaces: &'a [AddressSpace],
    /// Results, by space and address.
    pub hits: Vec<Hit>,
    /// Whether further results were left out.
    pub is_cut: bool,
}

impl View for FoundMappings<'_> {
    /// Results grouped by root, one row per mapping.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        words::staleness(out, is_any_stale(self.spaces))?;
        for (place, space) in self.spaces.iter().enumerate() {
            let mode = space.mode();
            let mut columns = Columns::new(MAPPING);
            let mut is_empty = true;
            for hit in self.hits.iter().filter(|hit| hit.space == place) {
                is_empty = false;
                columns.row(mapping_cells(mode, &part(hit)));
            }
            if !is_empty {
                writeln!(out, "{}", heading(space))?;
                columns.write(out, 0)?;
                writeln!(out)?;
            }
        }
        let more = if self.is_cut { " and more" } else { "" };
        writeln!(
            out,
            "{}: {}{more} in {}",
            self.question,
            match self.hits.len() {
                0 => "not mapped".to_owned(),
                some => counted(some, "place", "places"),
            },
            counted(self.spaces.len(), "root", "roots")
        )
    }

    /// Schema `pagewalk.find/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.find/1")?;
        object.member("question", &self.question)?;
        object.member("roots", self.spaces.len())?;
        object.member("more", self.is_cut)?;
        object.staleness(is_any_stale(self.spaces))?;
        let hits = self.hits.iter().map(|hit| {
            let space = &self.spaces[hit.space];
            JsonHit {
                name: &space.name,
                satp: Hex(space.satp().encode(space.mode().xlen())),
                va: Hex(hit.va.raw()),
                pa: Hex(hit.pa.raw()),
                size: hit.bytes,
                perms: JsonText(hit.range.flags().flags()),
                page_size: hit.range.leaf.page_bytes,
                level: hit.range.leaf.level,
                memory: memory_word(hit.range.attributes()),
            }
        });
        object.list("hits", hits)?;
        object.end()
    }

    /// One row per mapping.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = RowLimit::begin(out, &CSV_MAPPING, is_any_stale(self.spaces))?;
        for hit in &self.hits {
            let space = &self.spaces[hit.space];
            let satp = space.satp().encode(space.mode().xlen());
            rows.row(&csv_mapping(satp, &part(hit)))?;
        }
        rows.end()
    }
}

/// The part of its range that a hit is, as a range of its own.
fn part(hit: &Hit) -> MappedRange {
    MappedRange {
        va: hit.va,
        pa: hit.pa,
        bytes: hit.bytes,
        ..hit.range
    }
}

#[derive(Serialize)]
struct JsonHit<'a> {
    name: &'a str,
    satp: Hex<u64>,
    va: Hex<u64>,
    pa: Hex<u64>,
    size: u64,
    perms: JsonText<pagetable::Flags>,
    page_size: u64,
    level: u8,
    memory: String,
}
