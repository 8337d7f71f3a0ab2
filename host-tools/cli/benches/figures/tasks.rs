//! Tasks of a Linux out of its memory: packets a task, and the maps of all of them.

use std::path::{Path, PathBuf};

use link::memory::{Cached, Files, MemorySource, PhysRange, ReadError, VmcoreInfo, open_core};
use link::os::{Hints, find};
use pagetable::PhysAddr;

use crate::PAGEWALK;
use crate::clock::{race, run};
use crate::guest::recorded;
use crate::row::{Better, FigureRow};

/// Bytes that QEMU's stub answers at a time.
const ANSWER_BYTES: usize = 2048;

fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures/linux-tasks")
}

/// Memory that counts how many answers of a stub it would be.
struct Packets {
    memory: Files,
    count: usize,
}

impl MemorySource for Packets {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        self.count += into.len().div_ceil(ANSWER_BYTES);
        self.memory.read(at, into)
    }
}

/// A recorded guest of 48 tasks: what a second `ps` asks for, and the maps of all roots beside `xz` that unpacks the
/// same file.
pub fn linux() -> Vec<FigureRow> {
    let folder = captures();
    let all = ["map", "--from", "guest.core.xz", "--all-roots"];
    let (ours, xz) = race(
        11,
        || run(&folder, PAGEWALK, &all),
        || run(&folder, "xz", &["-dc", "guest.core.xz"]),
    );
    vec![
        FigureRow::count("ps.linux", packets(&folder), "packets/task", 8.0),
        FigureRow {
            name: "map.linux.all",
            value: ours.wall,
            unit: "s",
            better: Better::Lower,
            limit: None,
            aim: Some(5.0 * xz.wall),
            peer: recorded("xz -d of the same file", xz.wall),
        },
    ]
}

fn packets(folder: &Path) -> f64 {
    let core = open_core(&folder.join("guest.core.xz")).expect("a core");
    let ranges = core.memory.ranges();
    let ram: Vec<PhysRange> = ranges
        .filter_map(|(from, end)| PhysRange::of(from.raw(), end.raw() - from.raw()))
        .collect();
    let mut memory = Cached::new(Packets {
        memory: core.memory,
        count: 0,
    });
    let hints = Hints {
        ram: &ram,
        info: &VmcoreInfo::default(),
        program: None,
    };
    let linux = find(&mut memory, &hints, Some("linux")).expect("a Linux");
    linux.tasks(&mut memory).expect("its tasks");
    let before = memory.source().count;
    let tasks = linux.tasks(&mut memory).expect("its tasks");
    (memory.source().count - before) as f64 / tasks.len() as f64
}
