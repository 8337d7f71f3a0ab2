//! Bytes of memory, as `hexdump -C` writes them: `--dump` reads that again.

use std::io::{self, Write};

use model::probe::MemoryDump;

use crate::json::{Hex, JsonObject};
use crate::rows::RowLimit;
use crate::words;

const LINE: usize = 16;

fn lines(bytes: &MemoryDump) -> impl Iterator<Item = (u64, &[u8])> {
    let starts = (0..).map(|line| bytes.at.wrapping_add(line * LINE as u64));
    starts.zip(bytes.bytes.chunks(LINE))
}

/// For people.
pub fn table(out: &mut dyn Write, bytes: &MemoryDump) -> io::Result<()> {
    words::staleness(out, bytes.is_possibly_stale)?;
    for (at, line) in lines(bytes) {
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

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The schema `pagewalk.memory/1`.
pub fn json(out: &mut dyn Write, bytes: &MemoryDump) -> io::Result<()> {
    let mut object = JsonObject::begin(out, "pagewalk.memory/1")?;
    object.member("at", Hex(bytes.at))?;
    object.member("virtual", bytes.is_virtual)?;
    object.member("by", &bytes.ways)?;
    object.staleness(bytes.is_possibly_stale)?;
    object.member("bytes", digits(&bytes.bytes))?;
    object.end()
}

/// A line for sixteen bytes.
pub fn csv(out: &mut dyn Write, bytes: &MemoryDump) -> io::Result<()> {
    let mut rows = RowLimit::begin(out, &["at", "bytes"], bytes.is_possibly_stale)?;
    for (at, line) in lines(bytes) {
        rows.row(&[format!("{at:#x}"), digits(line)])?;
    }
    rows.end()
}
