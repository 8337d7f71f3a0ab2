//! The tables of a dump, entry by entry.

use std::io::{self, Write};

use model::LooseEntries;
use model::entries::LooseTable;
use pagetable::{PhysAddr, Pte};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::fields;
use crate::json::{Hex, JsonObject, JsonText};
use crate::words;

impl View for LooseEntries {
    /// One block of rows per table.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mode = self.mode;
        for (place, (at, table)) in self.tables.iter().enumerate() {
            if place > 0 {
                writeln!(out)?;
            }
            match levels(table).as_str() {
                "" => writeln!(out, "table {}", words::pa(mode, *at))?,
                levels => writeln!(out, "table {}, level {levels}", words::pa(mode, *at))?,
            }
            let mut columns = Columns::new([
                ("index", ColumnSide::Right),
                ("entry", ColumnSide::Left),
                ("flags", ColumnSide::Left),
                ("target", ColumnSide::Left),
                ("means", ColumnSide::Left),
                ("memory", ColumnSide::Left),
                ("rsw", ColumnSide::Right),
            ]);
            for (index, pte) in &table.entries {
                columns.row([
                    index.to_string(),
                    words::pte(mode, pte.raw()),
                    pte.flags().to_string(),
                    words::pa(mode, pte.target(mode)),
                    means(self, table, *pte),
                    memory(self, *pte, words::attributes),
                    words::rsw(*pte),
                ]);
            }
            columns.write(out, 2)?;
        }
        Ok(())
    }

    /// Schema `pagewalk.entries/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.entries/1")?;
        object.member("mode", self.mode.name())?;
        object.member("dialect", self.dialect.name())?;
        let items = rows(self).map(|(at, table, index, pte)| JsonEntry {
            table: Hex(at.raw()),
            levels: table.levels.iter().copied().collect(),
            index,
            entry: Hex(pte.raw()),
            flags: JsonText(pte.flags()),
            target: Hex(pte.target(self.mode).raw()),
            means: means(self, table, pte),
            memory: memory(self, pte, crate::map::memory_word),
            rsw: pte.rsw(),
        });
        object.list("entries", items)?;
        object.end()
    }

    /// One row per entry.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut lines = csv::Writer::from_writer(out);
        lines.write_record([
            "table", "level", "index", "entry", "flags", "target", "means", "memory", "rsw",
        ])?;
        for (at, table, index, pte) in rows(self) {
            lines.write_record([
                format!("{at:#x}"),
                levels(table),
                index.to_string(),
                format!("{pte:#x}"),
                pte.flags().to_string(),
                format!("{:#x}", pte.target(self.mode)),
                means(self, table, pte),
                memory(self, pte, crate::map::memory_word),
                pte.rsw().to_string(),
            ])?;
        }
        lines.flush()
    }
}

fn levels(table: &LooseTable) -> String {
    let levels = table.levels.iter().rev().map(u8::to_string);
    levels.collect::<Vec<_>>().join(" and ")
}

fn means(entries: &LooseEntries, table: &LooseTable, pte: Pte) -> String {
    let levels: Vec<u8> = table.levels.iter().copied().collect();
    fields::means(pte, entries.mode, entries.dialect, &levels)
}

/// Memory attributes of a leaf; empty for a pointer.
fn memory(
    entries: &LooseEntries,
    pte: Pte,
    write: impl Fn(pagetable::Attributes) -> String,
) -> String {
    match pte.is_leaf() {
        true => write(entries.dialect.attributes(pte.raw())),
        false => String::new(),
    }
}

#[derive(Serialize)]
struct JsonEntry {
    table: Hex<u64>,
    levels: Vec<u8>,
    index: u16,
    entry: Hex<u64>,
    flags: JsonText<pagetable::Flags>,
    target: Hex<u64>,
    means: String,
    memory: String,
    rsw: u8,
}

fn rows(entries: &LooseEntries) -> impl Iterator<Item = (PhysAddr, &LooseTable, u16, Pte)> {
    entries.tables.iter().flat_map(|(at, table)| {
        let entries = table.entries.iter();
        entries.map(move |(index, pte)| (*at, table, *index, *pte))
    })
}
