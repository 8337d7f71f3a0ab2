//! A long log of faults, totalled.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use crate::clock::{race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

/// About 108 MB of text.
const FAULTS: u64 = 400_000;

/// Megabytes of a serial log that `faults --totals` reads in a second, beside `grep -c` counting
/// its lines in the same file.
pub fn rate() -> Vec<FigureRow> {
    let folder = scratch();
    let path = folder.path().join("serial.log");
    let mut file = BufWriter::new(File::create(&path).expect("a file"));
    for seq in 0..FAULTS {
        let (seconds, micros) = (seq / 1000, seq % 1000 * 1000);
        let page = 0x20_0000 + seq % 512 * 4096;
        write!(
            file,
            "[{seconds:>5}.{micros:06}] pagewalk: EXCEPTION: Store/AMO page fault. SCAUSE: \
             0000000f, EPC: 00000000000104c2, STVAL: {page:016x}, task: {}, seq: {seq}, user \
             write, heap, zeroed, level: 0, entry: 0000000000000000, frame: 0000000080431000, \
             cost: 812\r\n",
            2 + seq % 2
        )
        .expect("room");
    }
    let bytes = file.into_inner().expect("room").metadata();
    let megabytes = bytes.expect("a file").len() as f64 / 1e6;
    let (ours, grep) = race(
        5,
        || {
            run(
                folder.path(),
                PAGEWALK,
                &["faults", "serial.log", "--totals"],
            )
        },
        || run(folder.path(), "grep", &["-c", "EXCEPTION", "serial.log"]),
    );
    vec![FigureRow {
        name: "faults.rate",
        value: megabytes / ours.wall,
        unit: "MB/s",
        better: Better::Higher,
        limit: None,
        aim: Some(300.0),
        peer: Some(PeerFigure {
            name: "grep -c of the same file".to_owned(),
            value: megabytes / grep.wall,
        }),
    }]
}
