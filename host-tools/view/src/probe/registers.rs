//! Registers of a hart.

use std::io::{self, Write};

use model::probe::RegisterDump;
use pagetable::Xlen;
use serde::Serialize;

use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};

/// For people: a line each.
pub fn table(out: &mut dyn Write, registers: &RegisterDump) -> io::Result<()> {
    let mut columns = Columns::new([
        ("csr", ColumnSide::Left),
        ("number", ColumnSide::Left),
        ("value", ColumnSide::Left),
    ]);
    for register in &registers.registers {
        let value = match registers.xlen {
            Xlen::Rv32 => format!("{:#010x}", register.value),
            Xlen::Rv64 => format!("{:#018x}", register.value),
        };
        let number = format!("{:#05x}", register.number);
        columns.row([register.name.clone(), number, value]);
    }
    columns.write(out, 0)
}

#[derive(Serialize)]
struct JsonRegister<'a> {
    name: &'a str,
    number: Hex<u16>,
    value: Hex<u64>,
}

/// The schema `pagewalk.csr/1`.
pub fn json(out: &mut dyn Write, registers: &RegisterDump) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.csr/1")?;
    object.member("xlen", registers.xlen.bits())?;
    let items = registers.registers.iter().map(|register| JsonRegister {
        name: &register.name,
        number: Hex(register.number),
        value: Hex(register.value),
    });
    object.list("registers", items)?;
    object.end()
}

/// A line each.
pub fn csv(out: &mut dyn Write, registers: &RegisterDump) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(["name", "number", "value"])?;
    for register in &registers.registers {
        let (number, value) = (register.number, register.value);
        rows.write_record([
            register.name.clone(),
            format!("{number:#x}"),
            format!("{value:#x}"),
        ])?;
    }
    rows.flush()
}
