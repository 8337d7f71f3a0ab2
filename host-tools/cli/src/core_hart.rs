//! `explain --from CORE`: the registers of a hart that a core keeps.
//!
//! A core has general registers of each hart, and neither a cause nor an address: what a trap was, the kernel's own
//! log says, and its tables are read by the other commands.

use std::path::Path;

use anyhow::bail;
use link::memory::open_physical;
use pagetable::Xlen;
use view::hart::{KeptHart, json, table};

use crate::exit::UsageError;
use crate::output;
use crate::symbols::Programs;
use crate::tables::GENERAL_REGISTERS;

/// Prints the registers of the hart with that index, of the first one if none is given.
pub fn explain(
    path: &Path,
    hart: Option<u32>,
    programs: &Programs,
    is_json: bool,
) -> anyhow::Result<()> {
    let name = path.display();
    let core = open_physical(path)?;
    let harts = core.harts.len();
    if harts == 0 {
        bail!(
            "{name}: has no registers of a hart; --scause, --sepc and --stval say which trap, or a log in place of the core"
        );
    }
    let number = hart.unwrap_or_default();
    let Some(kept) = core.harts.get(number as usize) else {
        let last = harts - 1;
        let misuse = format!("{name}: no hart {number}: it has registers of 0 to {last}");
        return Err(UsageError(misuse).into());
    };
    if hart.is_none() && harts > 1 {
        eprintln!(
            "note: {name}: registers of {harts} harts; these are of hart 0; --hart NUMBER chooses"
        );
    }
    let general = GENERAL_REGISTERS.into_iter().zip(kept.general);
    let registers: Vec<_> = [("pc", kept.pc)].into_iter().chain(general).collect();
    let kept = KeptHart {
        hart: number,
        harts,
        xlen: core.xlen.unwrap_or(Xlen::Rv64),
        registers: &registers,
        names: &|at| programs.name(at),
    };
    let view = if is_json { json } else { table };
    Ok(output::answer(|out| view(out, &kept))?)
}
