//! How a hart was left.

use std::io::{self, Write};

use model::probe::Left;

use crate::json::{Hex, JsonObject};

/// For people: a line.
pub fn table(out: &mut dyn Write, left: &Left) -> io::Result<()> {
    match left.halted {
        Some((pc, mode)) => {
            writeln!(out, "hart {}: halted at {pc:#x}, {mode} mode", left.hart)
        }
        None => writeln!(out, "hart {}: running", left.hart),
    }
}

fn state(left: &Left) -> &'static str {
    match left.halted {
        Some(_) => "halted",
        None => "running",
    }
}

/// The schema `pagewalk.hart/1`.
pub fn json(out: &mut dyn Write, left: &Left) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.hart/1")?;
    object.member("hart", left.hart)?;
    object.member("state", state(left))?;
    object.member("pc", left.halted.map(|(pc, _)| Hex(pc)))?;
    object.member("mode", left.halted.map(|(_, mode)| mode))?;
    object.end()
}

/// A heading and a line.
pub fn csv(out: &mut dyn Write, left: &Left) -> io::Result<()> {
    let mut rows = csv::Writer::from_writer(out);
    rows.write_record(["hart", "state", "pc", "mode"])?;
    let pc = left.halted.map(|(pc, _)| format!("{pc:#x}"));
    let mode = left.halted.map(|(_, mode)| mode);
    rows.write_record([
        &left.hart.to_string(),
        state(left),
        pc.as_deref().unwrap_or_default(),
        mode.unwrap_or_default(),
    ])?;
    rows.flush()
}
