//! State of a hart after a command.

use std::io::{self, Write};

use model::probe::Left;

use crate::View;
use crate::json::{Hex, JsonObject};

impl View for Left {
    /// One line of text.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        match self.halted {
            Some((pc, mode)) => {
                writeln!(out, "hart {}: halted at {pc:#x}, {mode} mode", self.hart)
            }
            None => writeln!(out, "hart {}: running", self.hart),
        }
    }

    /// Schema `pagewalk.hart/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.hart/1")?;
        object.member("hart", self.hart)?;
        object.member("state", state(self))?;
        object.member("pc", self.halted.map(|(pc, _)| Hex(pc)))?;
        object.member("mode", self.halted.map(|(_, mode)| mode))?;
        object.end()
    }

    /// A header and one row.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["hart", "state", "pc", "mode"])?;
        let pc = self.halted.map(|(pc, _)| format!("{pc:#x}"));
        let mode = self.halted.map(|(_, mode)| mode);
        rows.write_record([
            &self.hart.to_string(),
            state(self),
            pc.as_deref().unwrap_or_default(),
            mode.unwrap_or_default(),
        ])?;
        rows.flush()
    }
}

fn state(left: &Left) -> &'static str {
    match left.halted {
        Some(_) => "halted",
        None => "running",
    }
}
