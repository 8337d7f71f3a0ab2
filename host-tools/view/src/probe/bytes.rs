//! Bytes of memory, as `hexdump -C` writes them: `--dump` reads that again.

use std::io::{self, Write};

use model::probe::Bytes;

use crate::json::{Hex, Object};
use crate::words;

const LINE: usize = 16;

fn lines(bytes: &Bytes) -> impl Iterator<Item = (u64, &[u8])> {
    let starts = (0..).map(|line| bytes.at.wrapping_add(line * LINE as u64));
    starts.zip(bytes.bytes.chunks(LINE))
}

/// For people.
pub fn table(out: &mut dyn Write, bytes: &Bytes) -> io::Result<()> {
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
pub fn json(out: &mut dyn Write, bytes: &Bytes) -> io::Result<()> {
    let mut object = Object::begin(out, "pagewalk.memory/1")?;
    object.member("at", Hex(bytes.at))?;
    object.member("virtual", bytes.is_virtual)?;
    object.member("by", &bytes.ways)?;
    if bytes.is_possibly_stale {
        object.member("possibly_stale", true)?;
    }
    object.member("bytes", digits(&bytes.bytes))?;
    object.end()
}

/// A line for sixteen bytes.
pub fn csv(out: &mut dyn Write, bytes: &Bytes) -> io::Result<()> {
    let stale = words::stale_cell(bytes.is_possibly_stale);
    let mut rows = csv::Writer::from_writer(out);
    let headings = ["at", "bytes"].into_iter();
    rows.write_record(headings.chain(stale.map(|(heading, _)| heading)))?;
    for (at, line) in lines(bytes) {
        let cells = [format!("{at:#x}"), digits(line)].into_iter();
        rows.write_record(cells.chain(stale.map(|(_, cell)| cell.to_owned())))?;
    }
    rows.flush()
}
