//! Roots of page tables that were found in memory.

use std::io::{self, Write};

use model::roots::{FoundRoot, RootList, Stale};
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};
use crate::rows;
use crate::words::{self, RoundSize, counted};

impl View for RootList {
    /// One row per root, and a line with what was looked through.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut columns = Columns::new([
            ("root", ColumnSide::Left),
            ("satp", ColumnSide::Left),
            ("mode", ColumnSide::Left),
            ("own", ColumnSide::Right),
            ("tables", ColumnSide::Right),
            ("shared", ColumnSide::Right),
            ("shared tables", ColumnSide::Right),
            ("state", ColumnSide::Left),
            ("name", ColumnSide::Left),
        ]);
        for root in &self.roots {
            let mode = root.satp.mode;
            columns.row([
                words::pa(mode, root.satp.root),
                format!("{:#x}", root.satp.encode(mode.xlen())),
                mode.name().to_owned(),
                RoundSize(root.own.0).to_string(),
                root.own.1.to_string(),
                RoundSize(root.shared.0).to_string(),
                root.shared.1.to_string(),
                state(root),
                words::printable(&root.name),
            ]);
        }
        if !self.roots.is_empty() {
            columns.write(out, 0)?;
            writeln!(out)?;
        }
        writeln!(
            out,
            "{} in {} of memory",
            counted(self.roots.len(), "root", "roots"),
            RoundSize(u128::from(self.bytes))
        )
    }

    /// Schema `pagewalk.roots/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.roots/1")?;
        object.member("bytes", self.bytes)?;
        object.list("roots", self.roots.iter().map(JsonRoot::from))?;
        object.end()
    }

    /// One row per root.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let names = [
            "root_pa",
            "satp",
            "mode",
            "own",
            "own_tables",
            "shared",
            "shared_tables",
            "state",
            "name",
        ];
        let cells = self.roots.iter().map(|root| {
            let mode = root.satp.mode;
            [
                format!("{:#x}", root.satp.root),
                format!("{:#x}", root.satp.encode(mode.xlen())),
                mode.name().to_owned(),
                root.own.0.to_string(),
                root.own.1.to_string(),
                root.shared.0.to_string(),
                root.shared.1.to_string(),
                state(root),
                root.name.clone(),
            ]
        });
        rows::csv(out, names, cells)
    }
}

/// What a root is good for, in a few words.
fn state(root: &FoundRoot) -> String {
    let stale = root.stale.map(|stale| match stale {
        Stale::Broken(1) => "stale: an entry leads to no table".to_owned(),
        Stale::Broken(many) => format!("stale: {many} entries lead to no table"),
        Stale::Bare => "stale: maps nothing of its own".to_owned(),
    });
    let words = [
        root.is_active.then(|| "active".to_owned()),
        root.is_kernel.then(|| "kernel's own".to_owned()),
        (!root.is_kin && !root.is_active).then(|| "shares nothing".to_owned()),
        stale,
    ];
    words.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

#[derive(Serialize)]
struct JsonRoot<'a> {
    root_pa: Hex<u64>,
    satp: Hex<u64>,
    mode: &'static str,
    name: &'a str,
    own: u128,
    own_tables: u64,
    shared: u128,
    shared_tables: u64,
    active: bool,
    kernel: bool,
    kin: bool,
    stale: Option<&'static str>,
    broken: u64,
}

impl<'a> From<&'a FoundRoot> for JsonRoot<'a> {
    fn from(root: &'a FoundRoot) -> Self {
        let mode = root.satp.mode;
        let (stale, broken) = match root.stale {
            None => (None, 0),
            Some(Stale::Bare) => (Some("bare"), 0),
            Some(Stale::Broken(count)) => (Some("broken"), count),
        };
        JsonRoot {
            root_pa: Hex(root.satp.root.raw()),
            satp: Hex(root.satp.encode(mode.xlen())),
            mode: mode.name(),
            name: &root.name,
            own: root.own.0,
            own_tables: root.own.1,
            shared: root.shared.0,
            shared_tables: root.shared.1,
            active: root.is_active,
            kernel: root.is_kernel,
            kin: root.is_kin,
            stale,
            broken,
        }
    }
}
