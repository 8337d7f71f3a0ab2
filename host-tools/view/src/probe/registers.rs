//! CSRs of a hart.

use std::io::{self, Write};

use model::probe::RegisterDump;
use pagetable::Xlen;
use serde::Serialize;

use crate::View;
use crate::columns::{ColumnSide, Columns};
use crate::json::{Hex, JsonObject};

impl View for RegisterDump {
    /// One row per register.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut columns = Columns::new([
            ("csr", ColumnSide::Left),
            ("number", ColumnSide::Left),
            ("value", ColumnSide::Left),
        ]);
        for register in &self.registers {
            let value = match self.xlen {
                Xlen::Rv32 => format!("{:#010x}", register.value),
                Xlen::Rv64 => format!("{:#018x}", register.value),
            };
            let number = format!("{:#05x}", register.number);
            columns.row([register.name.clone(), number, value]);
        }
        columns.write(out, 0)
    }

    /// Schema `pagewalk.csr/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.csr/1")?;
        object.member("xlen", self.xlen.bits())?;
        let items = self.registers.iter().map(|register| JsonRegister {
            name: &register.name,
            number: Hex(register.number),
            value: Hex(register.value),
        });
        object.list("registers", items)?;
        object.end()
    }

    /// One row per register.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["name", "number", "value"])?;
        for register in &self.registers {
            let (number, value) = (register.number, register.value);
            rows.write_record([
                register.name.clone(),
                format!("{number:#x}"),
                format!("{value:#x}"),
            ])?;
        }
        rows.flush()
    }
}

#[derive(Serialize)]
struct JsonRegister<'a> {
    name: &'a str,
    number: Hex<u16>,
    value: Hex<u64>,
}
