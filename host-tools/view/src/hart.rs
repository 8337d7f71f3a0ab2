//! A hart's general registers, as a core keeps them.
//!
//! ```text
//! hart 1 of 2, as the core has it: why it stopped is in no register of a core
//! register  value               means
//! pc        0xffffffff80005a3c  kernel::mm::pager::resolve+0x1c
//! ```

use std::io::{self, Write};

use pagetable::Xlen;
use serde::Serialize;

use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};

/// Registers of one of the harts of a core.
pub struct KeptHart<'a> {
    /// Index of the hart, from 0.
    pub hart: u32,
    /// Harts of which the core has registers.
    pub harts: usize,
    /// Register width.
    pub xlen: Xlen,
    /// Name and value of each register, `pc` first.
    pub registers: &'a [(&'static str, u64)],
    /// Symbolizes the address of an instruction.
    pub names: &'a dyn Fn(u64) -> Option<String>,
}

/// A row of the JSON list of registers.
#[derive(Serialize)]
struct KeptRegister {
    name: &'static str,
    value: Hex<u64>,
    means: Option<String>,
}

impl KeptHart<'_> {
    /// The function that an address of an instruction is in.
    fn means(&self, name: &str, value: u64) -> Option<String> {
        matches!(name, "pc" | "ra").then(|| (self.names)(value))?
    }
}

/// Writes the registers for people.
pub fn table(out: &mut dyn Write, it: &KeptHart) -> io::Result<()> {
    let KeptHart { hart, harts, .. } = it;
    writeln!(
        out,
        "hart {hart} of {harts}, as the core has it: why it stopped is in no register of a core"
    )?;
    let mut columns = Columns::new([
        ("register", ColumnSide::Left),
        ("value", ColumnSide::Left),
        ("means", ColumnSide::Left),
    ]);
    let digits = it.xlen.bits() as usize / 4 + 2;
    for (name, value) in it.registers {
        let means = it.means(name, *value).unwrap_or_default();
        columns.row([(*name).to_owned(), format!("{value:#0digits$x}"), means]);
    }
    columns.write(out, 0)
}

/// Writes them as one object of schema `pagewalk.hart/1`.
pub fn json(out: &mut dyn Write, it: &KeptHart) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.hart/1")?;
    object.member("hart", it.hart)?;
    object.member("harts", it.harts)?;
    object.member("xlen", it.xlen.bits())?;
    let rows = it.registers.iter().map(|(name, value)| KeptRegister {
        name,
        value: Hex(*value),
        means: it.means(name, *value),
    });
    object.list("registers", rows)?;
    object.end()
}
