//! What JTAG costs: scans for a word, and how fast memory comes through each way.
//!
//! The port is simulated, so that speeds are those of the program and the socket: at a real one the clock of the probe
//! decides, and the number of scans.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use link::memory::{MemorySource, ReadError, open_core};
use link::probe::sim::{Profile, SharedTap, lock, machine, serve};
use pagetable::PhysAddr;

use crate::PAGEWALK;
use crate::guest::recorded;
use crate::row::{Better, FigureRow};

const SATP: u64 = 0x8003_3000_0008_30ca;
const KIB: usize = 256;

/// Memory without an end.
struct Everywhere;

impl MemorySource for Everywhere {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        into.fill(at.raw() as u8);
        Ok(())
    }
}

fn pagewalk(tap: &SharedTap, words: &[&str], probe: &str, prefix: &str) {
    let address = serve(tap.clone()).expect("a socket");
    let ran = Command::new(PAGEWALK)
        .args(words)
        .args([probe, &format!("{prefix}bitbang://{address}")])
        .stdin(Stdio::null())
        .output()
        .expect("pagewalk starts");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {said}");
}

/// Scans of the data register for each word of 32 bits that the system bus read, over one map of Linux' tables.
pub fn map_scans() -> Vec<FigureRow> {
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures");
    let core = open_core(&captures.join("linux-sv39/pagetables.core")).expect("a core");
    let tap = machine(Profile::FULL, SATP, core.memory);
    let words = ["map", "--by", "bus"];
    pagewalk(&tap, &words, "--from", "probe:");
    let tap = lock(&tap);
    // This bus reads two words at a time.
    let scans = tap.scans() as f64 / (2 * tap.module.ram.reads()) as f64;
    vec![FigureRow {
        name: "probe.map_scans",
        value: scans,
        unit: "a word",
        better: Better::Lower,
        limit: Some(1.2),
        aim: None,
        peer: recorded("a scan for each word, the least there can be", 1.0),
    }]
}

/// Memory by each way, the program's start included.
pub fn speed() -> Vec<FigureRow> {
    let ways = [
        ("probe.read_kib_s.bus", "bus"),
        ("probe.read_kib_s.program", "program"),
        ("probe.read_kib_s.abstract", "abstract"),
    ];
    let row = |(name, way): (&'static str, &str)| {
        let tap = machine(Profile::FULL, SATP, Everywhere);
        let bytes = (KIB * 1024).to_string();
        let words = [
            "probe",
            "read",
            "0x80000000",
            &bytes,
            "-o",
            "/dev/null",
            "--by",
            way,
        ];
        let start = Instant::now();
        pagewalk(&tap, &words, "--probe", "");
        FigureRow {
            name,
            value: KIB as f64 / start.elapsed().as_secs_f64(),
            unit: "KiB/s",
            better: Better::Higher,
            limit: None,
            aim: None,
            peer: recorded("OpenOCD from Spike at its best, recorded 2026-11-21", 38.0),
        }
    };
    ways.map(row).into()
}
