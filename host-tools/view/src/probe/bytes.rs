//! Memory in the format of `hexdump -C`, which `--dump` reads.

use std::io::{self, Write};

use model::probe::MemoryDump;

use crate::View;
use crate::json::{Hex, JsonObject};
use crate::rows::RowLimit;
use crate::words;

const LINE: usize = 16;

fn lines(bytes: &MemoryDump) -> impl Iterator<Item = (u64, &[u8])> {
    let starts = (0..).map(|line| bytes.at.wrapping_add(line * LINE as u64));
    starts.zip(bytes.bytes.chunks(LINE))
}

impl View for MemoryDump {
    /// Sixteen bytes per line.
    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        words::staleness(out, self.is_possibly_stale)?;
        for (at, line) in lines(self) {
            write!(out, "{at:016x} ")?;
            for place in 0..LINE {
                if place == LINE / 2 {
                    write!(out, " ")?;
                }
                match line.get(place) {
                    Some(byte) => write!(out, " {byte:02x}")?,
                    None => write!(out, "   ")?,
                }
            }
            let shown = line.iter().map(|byte| match byte {
                0x20..=0x7e => char::from(*byte),
                _ => '.',
            });
            writeln!(out, "  |{}|", shown.collect::<String>())?;
        }
        Ok(())
    }

    /// Schema `pagewalk.memory/1`, in docs/json.md.
    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut object = JsonObject::begin(out, "pagewalk.memory/1")?;
        object.member("at", Hex(self.at))?;
        object.member("virtual", self.is_virtual)?;
        object.member("by", &self.ways)?;
        object.staleness(self.is_possibly_stale)?;
        object.member("bytes", digits(&self.bytes))?;
        object.end()
    }

    /// One row per sixteen bytes.
    fn csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = RowLimit::begin(out, &["at", "bytes"], self.is_possibly_stale)?;
        for (at, line) in lines(self) {
            rows.row(&[format!("{at:#x}"), digits(line)])?;
        }
        rows.end()
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
