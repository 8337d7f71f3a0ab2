//! JSON: the object of `faults --format json`, faults first.

use std::io::{self, Write};

use model::Faults;

use super::{Export, ExportOutput, ExportedFault};
use crate::faults::{FaultCells, json_totals};
use crate::json::JsonObject;

struct JsonExport {
    out: Box<dyn Write + Send>,
    is_first: bool,
}

/// Opens the object and its list.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, _: &str) -> io::Result<Box<dyn Export + 'a>> {
    let mut out = out.open("")?;
    JsonObject::begin(&mut *out, "pagewalk.faults/1")?.begin_list("faults")?;
    Ok(Box::new(JsonExport {
        out,
        is_first: true,
    }))
}

impl Export for JsonExport {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let cells = FaultCells::of(fault.row, &|_| fault.function.map(str::to_owned));
        let is_first = std::mem::take(&mut self.is_first);
        JsonObject::resume(&mut *self.out).item(cells, is_first)
    }

    fn end(mut self: Box<Self>, totals: &Faults) -> io::Result<()> {
        let mut object = JsonObject::resume(&mut *self.out);
        object.end_list()?;
        json_totals(&mut object, totals)?;
        object.end()?;
        self.out.flush()
    }
}
