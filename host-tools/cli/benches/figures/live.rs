//! A board on its line: what a fault and a table entry cost there, and what it costs to look.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use link::memory::Cached;
use link::session::Agent;
use link::transport::{Spec, TargetLine};
use model::AddressSpace;
use pagetable::{Satp, Xlen};
use wire::{Event, Split, Splitter};

use crate::clock::{has, race};
use crate::guest::board::{Qemu, Screen, SocketBoard};
use crate::guest::recorded;
use crate::row::{Better, FigureRow};
use crate::{PAGEWALK, house, scratch};

/// Bytes on the line for each fault of a run of touches, frames and all.
pub fn bytes_per_fault() -> Vec<FigureRow> {
    const PAGES: usize = 2000;
    let mut board = Qemu::with_image().append("frames=1").boot();
    board.run(&format!("touch_test {PAGES}"));
    // The prompt is back; what is still on its way comes in the next frames.
    let (bytes, faults) = loop {
        let counted = event_bytes(board.transcript());
        if counted.1 > PAGES {
            break counted;
        }
        board.hear_more();
    };
    vec![FigureRow {
        name: "wire.bytes_per_fault",
        value: bytes as f64 / faults as f64,
        unit: "bytes",
        better: Better::Lower,
        limit: Some(16.0),
        aim: None,
        peer: recorded("NuttX's line of text, recorded", 105.0),
    }]
}

/// Bytes of all frames of faults, zeros around them included, and how many faults they contain.
fn event_bytes(line: &[u8]) -> (usize, usize) {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let (mut bytes, mut faults) = (0, 0);
    for &byte in line {
        if let Some(Split::Frame(frame)) = splitter.feed(byte)
            && let Ok(Event::Faults(batch)) = Event::decode(&frame)
        {
            bytes += frame.encode(&mut [0; wire::LARGEST]).unwrap_or(0);
            faults += batch.count();
        }
    }
    (bytes, faults)
}

/// Bytes of the agent's answers for each entry of a task's map, tables and all; beside what gdb's
/// packets would need for the same tables.
pub fn bytes_per_entry() -> Vec<FigureRow> {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("spin forever 4194304 &");
    let spec: Spec = format!("unix:{}", board.line().display())
        .parse()
        .expect("a socket is a line");
    let line = TargetLine::open(&spec).expect("the board's line");
    let mut agent = Agent::open(line).expect("a board of ours");
    let (_, dialect) = agent.about().expect("an answer");
    let task = agent.tasks().expect("an answer").pop().expect("a task");
    let satp = Satp::decode(task.satp, Xlen::Rv64).expect("a satp");
    let before = agent.answered_bytes();
    let mut memory = Cached::new(&mut agent);
    let space = AddressSpace::read(&mut memory, satp, dialect);
    let tables = memory.pages();
    drop(memory);
    let bytes = agent.answered_bytes() - before;
    let entries = space.leaves as f64;
    vec![FigureRow {
        name: "agent.bytes_per_entry",
        value: bytes as f64 / entries,
        unit: "bytes",
        better: Better::Lower,
        limit: Some(0.3),
        aim: None,
        peer: recorded(
            "gdb's packets: two digits a byte",
            tables as f64 * 8192.0 / entries,
        ),
    }]
}

/// From the start of gdb to the map of a board in QEMU; beside gdb that only attaches.
pub fn start_to_map() -> Vec<FigureRow> {
    if !has("gdb-multiarch") {
        return Vec::new();
    }
    let folder = scratch();
    let stub = folder.path().join("stub");
    let stub = stub.to_str().expect("paths of the build are UTF-8");
    let _board = SocketBoard::boot(&["-gdb", &format!("unix:{stub},server=on,wait=off")]);
    let gdb = |commands: &[&str]| {
        let attach = format!("target remote {stub}");
        let mut gdb = Command::new("gdb-multiarch");
        gdb.args(["-nx", "-batch", "-ex", &attach])
            .current_dir(house());
        for command in commands {
            gdb.args(["-ex", command]);
        }
        let ran = gdb.env("PAGEWALK", PAGEWALK).stdin(Stdio::null()).output();
        let said = ran.expect("gdb starts");
        assert!(said.status.success());
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let (ours, peer) = race(
        11,
        || {
            let said = gdb(&["source gdb-plugin/pagewalk.py", "pw map", "detach"]);
            assert!(said.contains("no problems"), "{said}");
        },
        || drop(gdb(&["info registers satp", "detach"])),
    );
    vec![FigureRow {
        name: "gdb.start_to_map",
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(2.0 * peer.wall),
        peer: recorded("gdb that only attaches", peer.wall),
    }]
}

/// What the terminal view takes of a core while a thousand faults a second come.
pub fn dash_cpu() -> Vec<FigureRow> {
    const SECONDS: usize = 5;
    let folder = scratch();
    let number = folder.path().join("qemu");
    let number = number.to_str().expect("paths of the build are UTF-8");
    let board = SocketBoard::boot(&["-pidfile", number]);
    let qemu = fs::read_to_string(number).expect("QEMU says its number");
    let qemu: u32 = qemu.trim().parse().expect("a number");
    let line = format!("unix:{}", board.line().display());
    let pace = format!("pace_test 1000 {SECONDS}");
    let mut screen = Screen::run(&["dash", &line, "--type", &pace], ".", 120, 40);
    screen.until(&pace);
    let spent = |screen: &Screen| [screen.program.id(), qemu].map(used);
    let (start, before) = (Instant::now(), spent(&screen));
    // The task goes from the list when it has ended.
    screen.until_not(&pace);
    let (took, after) = (start.elapsed().as_secs_f64(), spent(&screen));
    let [ours, peer] = [0, 1].map(|who| 100.0 * (after[who] - before[who]) / took);
    vec![FigureRow {
        name: "dash.cpu_percent_1000",
        value: ours,
        unit: "% of a core",
        better: Better::Lower,
        limit: None,
        aim: Some(10.0),
        peer: recorded("QEMU, which makes them", peer),
    }]
}

/// CPU seconds of a running process: proc(5), fields 14 and 15 of `stat`.
fn used(process: u32) -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("a running process");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |field: usize| fields[field - 3].parse::<f64>().expect("a number");
    (ticks(14) + ticks(15)) / TICKS_A_SECOND
}
