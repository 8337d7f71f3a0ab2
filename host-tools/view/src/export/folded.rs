//! Folded stacks: `board;task 3;cause;function count`, as flame-graph tools read them.

use std::collections::BTreeMap;
use std::io::{self, Write};

use model::Faults;

use super::{Export, ExportOutput, ExportedFault, board_name, task_name};

struct Folded {
    out: Box<dyn Write + Send>,
    counts: BTreeMap<String, u64>,
}

/// Counts until the end: memory is that of the distinct stacks.
pub fn begin<'a>(out: &'a mut dyn ExportOutput, _: &str) -> io::Result<Box<dyn Export + 'a>> {
    Ok(Box::new(Folded {
        out: out.open("")?,
        counts: BTreeMap::new(),
    }))
}

impl Export for Folded {
    fn fault(&mut self, fault: &ExportedFault<'_>) -> io::Result<()> {
        let record = &fault.row.sighting.fault;
        let at = match fault.function {
            // Offsets would make a stack of each instruction.
            Some(function) => function.split('+').next().unwrap_or(function).to_owned(),
            None => format!("{:#x}", record.epc),
        };
        let parts = [
            board_name(fault).to_owned(),
            task_name(fault.row),
            record.cause().to_string(),
            at,
        ];
        let stack = parts.map(|part| part.replace([';', '\n'], ":")).join(";");
        *self.counts.entry(stack).or_default() += 1;
        Ok(())
    }

    fn end(mut self: Box<Self>, _: &Faults) -> io::Result<()> {
        for (stack, count) in &self.counts {
            writeln!(self.out, "{stack} {count}")?;
        }
        self.out.flush()
    }
}
