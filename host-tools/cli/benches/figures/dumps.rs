//! Long texts: logs looked through for traps, dumps read as memory.

use std::fs::File;
use std::io::{BufWriter, Write};

use crate::clock::{race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

/// Lines of each log: about 100 MB.
const LINES: u64 = 1_000_000;

/// A line of a boot log, of which none names a trap.
fn boot(at: u64, into: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        into,
        "[{:>5}.{:06}] usb 1-{}: new high-speed device number {at}, assigned address {}, bound to its driver",
        at / 1000,
        at % 1000 * 1000,
        at % 4,
        at % 128
    )
}

/// A trap of two lines.
fn trap(at: u64, into: &mut dyn Write) -> std::io::Result<()> {
    writeln!(
        into,
        "scause: 0x000000000000000f, sepc: 0x{:016x}, stval: 0x{:016x}, satp: 0x8000000000081fca",
        0x8020_0000 + at * 2,
        0x20_0000 + at * 8
    )
}

/// A row of U-Boot's `md.q`.
fn row(at: u64, into: &mut dyn Write) -> std::io::Result<()> {
    let word = 0x2000_0000 + at * 1024;
    writeln!(
        into,
        "{:08x}: {:016x} {:016x}    ................",
        0x8000_0000 + at * 16,
        word | 0xcf,
        word | 0x4cf
    )
}

/// Megabytes a second of our command over a text, beside `grep -F` of a word in it.
fn rate(
    name: &'static str,
    aim: f64,
    lines: u64,
    line: fn(u64, &mut dyn Write) -> std::io::Result<()>,
    words: &[&str],
) -> FigureRow {
    let folder = scratch();
    let mut file = BufWriter::new(File::create(folder.path().join("text")).expect("a file"));
    (0..lines).for_each(|at| line(at, &mut file).expect("room"));
    // What makes the command succeed where no other line is of use to it.
    writeln!(file, "scause: 0xd, sepc: 0x80200000, stval: 0x1000").expect("room");
    let bytes = file.into_inner().expect("room").metadata();
    let megabytes = bytes.expect("a file").len() as f64 / 1e6;
    let (ours, grep) = race(
        3,
        || run(folder.path(), PAGEWALK, words),
        || run(folder.path(), "grep", &["-cF", "scause", "text"]),
    );
    FigureRow {
        name,
        value: megabytes / ours.wall,
        unit: "MB/s",
        better: Better::Higher,
        limit: None,
        aim: Some(aim),
        peer: Some(PeerFigure {
            name: "grep -cF of the same file".to_owned(),
            value: megabytes / grep.wall,
        }),
    }
}

/// Megabytes of a log that `explain` looks through in a second: where no line is of a trap, and where all are.
pub fn traps() -> Vec<FigureRow> {
    let words = ["explain", "text"];
    vec![
        rate("traps.rate.none", 300.0, LINES, boot, &words),
        rate("traps.rate.all", 60.0, LINES, trap, &words),
    ]
}

/// Megabytes of a text dump that `map` reads in a second. The aim is 100 MB in two seconds.
pub fn dump() -> Vec<FigureRow> {
    let words = [
        "map",
        "--dump",
        "text",
        "--satp",
        "0x8000000000080000",
        "--range",
        "0x0-0x1000",
    ];
    vec![rate("dump.rate", 50.0, 1_600_000, row, &words)]
}
