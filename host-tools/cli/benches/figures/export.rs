//! Recordings and what is made of them: a million faults, and a farm of sixty-four boards.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use abi::Fault;
use link::recording::{BlockKind, RecordingFile};
use wire::{BatchWriter, Welcome};

use crate::clock::{race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

/// Ticks of the boards' clocks in a second.
const TICKS: u64 = 10_000_000;
/// Microseconds after which a recording of a running board has its next chunk.
const CHUNK_US: u64 = 800_000;

/// How fast a board's faults arrive.
#[derive(Clone, Copy)]
struct Pace {
    /// Faults a second.
    rate: u64,
    /// Faults of one frame.
    batch: u64,
}

/// A busy board: a frame waits until it is full, or for ten milliseconds.
const BUSY: Pace = Pace {
    rate: 1000,
    batch: 10,
};
/// A board with a fault now and then: each has a frame of its own.
const CALM: Pace = Pace { rate: 50, batch: 1 };

/// A recording of so many faults at a thousand a second, and the bytes that were received.
pub fn recording(path: &Path, faults: u64) -> Vec<u8> {
    paced(path, faults, BUSY)
}

fn paced(path: &Path, faults: u64, pace: Pace) -> Vec<u8> {
    let mut file = RecordingFile::create(path).expect("a file");
    let mut line = Vec::new();
    let mut room = [0; wire::LARGEST];
    let welcome = Welcome {
        version: wire::VERSION,
        ticks_per_second: TICKS,
        xlen: 64,
        board: "ox64",
        session: 0,
    };
    let start_us = 1_800_000_000_000_000;
    let used = welcome.encode(0, &mut room).expect("it fits");
    file.put(BlockKind::Received, &room[..used], start_us)
        .expect("room");
    line.extend(&room[..used]);
    // What a machine varies: the time between two faults, their cost, the frame.
    let mut noise = 1u64;
    let mut vary = |most: u64| {
        noise = noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (noise >> 33) % most
    };
    let mut written_us = start_us;
    for first in (0..faults).step_by(pace.batch as usize) {
        let mut batch = BatchWriter::<1000>::new(first);
        let mut time = first * (TICKS / pace.rate);
        for seq in first..faults.min(first + pace.batch) {
            time += 200 + vary(300);
            assert!(batch.push(&Fault {
                time,
                epc: 0x1_04c2,
                va: 0x20_0000 + seq % 4096 * 4096,
                frame: 0x8_0000 + (seq % 8192) as u32,
                cost: 800 + vary(40) as u32,
                task: 2 + (first / pace.batch % 3) as u16,
                cause: 15,
                access: 2,
                level: 0,
                source: 1,
                class: 3,
                outcome: 1,
                satp: 8 << 60 | 0x8_0400,
                ..Fault::EMPTY
            }));
        }
        let used = batch
            .encode((first / pace.batch + 1) as u16, &mut room)
            .expect("it fits");
        // To the millisecond, as a running recording has it; the adapter is late by a few.
        let at_us = start_us + (first * 1000 / pace.rate + vary(4)) * 1000;
        file.put(BlockKind::Received, &room[..used], at_us)
            .expect("room");
        line.extend(&room[..used]);
        if at_us - written_us >= CHUNK_US {
            file.flush().expect("room");
            written_us = at_us;
        }
    }
    file.end().expect("room");
    line
}

/// Bytes of a recording for each fault, beside the frames on the line.
pub fn bytes_per_fault() -> Vec<FigureRow> {
    let row = |name, pace: Pace, limit| {
        let faults = 60 * pace.rate;
        let folder = scratch();
        let path = folder.path().join("run.pwlog");
        let line = paced(&path, faults, pace).len();
        let bytes = fs::metadata(&path).expect("a file").len();
        FigureRow {
            name,
            value: bytes as f64 / faults as f64,
            unit: "bytes",
            better: Better::Lower,
            limit: Some(limit),
            aim: None,
            peer: Some(PeerFigure {
                name: "its frames on the line".to_owned(),
                value: line as f64 / faults as f64,
            }),
        }
    };
    vec![
        row("recording.bytes_per_fault", BUSY, 3.5),
        row("recording.bytes_per_fault.50", CALM, 7.0),
    ]
}

/// Megabytes of a line's bytes that become Parquet in a second, beside `cat` of the same bytes.
pub fn parquet() -> Vec<FigureRow> {
    let folder = scratch();
    let line = recording(&folder.path().join("run.pwlog"), 1_000_000);
    fs::write(folder.path().join("line"), &line).expect("room");
    let megabytes = line.len() as f64 / 1e6;
    let (ours, cat) = race(
        3,
        || {
            run(
                folder.path(),
                PAGEWALK,
                &["export", "run.pwlog", "--parquet", "-o", "faults"],
            )
        },
        || run(folder.path(), "sh", &["-c", "cat line > copy"]),
    );
    vec![FigureRow {
        name: "export.parquet.rate",
        value: megabytes / ours.wall,
        unit: "MB/s",
        better: Better::Higher,
        limit: None,
        aim: Some(5.0),
        peer: Some(PeerFigure {
            name: "cat of the line's bytes".to_owned(),
            value: megabytes / cat.wall,
        }),
    }]
}

/// Bytes of the page about a million faults.
pub fn report() -> Vec<FigureRow> {
    let folder = scratch();
    recording(&folder.path().join("run.pwlog"), 1_000_000);
    run(
        folder.path(),
        PAGEWALK,
        &["report", "run.pwlog", "-o", "report.html"],
    );
    let bytes = fs::metadata(folder.path().join("report.html"))
        .expect("a page")
        .len();
    vec![FigureRow::count(
        "report.bytes_1m",
        bytes as f64,
        "bytes",
        2_000_000.0,
    )]
}

const BOARDS: u64 = 64;
const SECONDS: u64 = 10;

/// Faults that a farm of sixty-four boards, each with a thousand a second, is recorded with; and its memory.
pub fn farm() -> Vec<FigureRow> {
    let folder = scratch();
    recording(&folder.path().join("paced.pwlog"), SECONDS * 1000);
    let path = farm_file(folder.path());
    let errors = File::create(folder.path().join("errors")).expect("a file");
    let start = Instant::now();
    let mut program = Command::new(PAGEWALK)
        .arg("collect")
        .arg(&path)
        .stdin(Stdio::null())
        .stderr(errors)
        .spawn()
        .expect("pagewalk starts");
    let status = format!("/proc/{}/status", program.id());
    let (mut peak_kib, mut ended) = (0, None);
    let errors = folder.path().join("errors");
    while program.try_wait().expect("a status").is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim_end_matches("kB").trim().parse::<u64>().ok());
        peak_kib = peak_kib.max(peak.unwrap_or(0));
        let said = fs::read_to_string(&errors).unwrap_or_default();
        if ended.is_none() && said.matches("the line has ended").count() as u64 == BOARDS {
            ended = Some(start.elapsed());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let said = fs::read_to_string(&errors).expect("text");
    let all = BOARDS * SECONDS * 1000;
    assert!(said.contains(&format!("{all} faults, 0 lost")), "{said}");
    let wall = ended.unwrap_or(start.elapsed()).as_secs_f64();
    vec![
        FigureRow {
            name: "collect.events_per_s",
            value: all as f64 / wall,
            unit: "faults/s",
            better: Better::Higher,
            limit: None,
            aim: Some(60_000.0),
            peer: Some(PeerFigure {
                name: "sent by 64 boards".to_owned(),
                value: (BOARDS * 1000) as f64,
            }),
        },
        FigureRow {
            name: "collect.memory",
            value: peak_kib as f64 / 1024.0,
            unit: "MiB",
            better: Better::Lower,
            limit: Some(200.0),
            aim: None,
            peer: None,
        },
    ]
}

fn farm_file(folder: &Path) -> PathBuf {
    let path = folder.join("farm.toml");
    let mut file = File::create(&path).expect("a file");
    writeln!(file, "folder = \"farm\"").expect("room");
    let paced = folder.join("paced.pwlog");
    for board in 0..BOARDS {
        let line = paced.display();
        writeln!(file, "[boards.board-{board}]\nline = \"{line}\"").expect("room");
    }
    path
}
