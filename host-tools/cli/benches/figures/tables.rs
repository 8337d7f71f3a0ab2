//! Page tables out of a core, out of RAM, through QEMU's stub and through our own agent.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use link::desk::Agent;
use link::gdb::Stub;
use link::memory::{Ahead, Cached, Source, Within};
use link::transport::{Line, Spec};
use model::Space;
use pagetable::{Dialect, Memory, Mode, PhysAddr, Pte, Satp, Xlen};

use crate::clock::{race, run};
use crate::guest::board::{Frozen, SocketBoard, StubLine};
use crate::guest::recorded;
use crate::row::{Better, Peer, Row};
use crate::{PAGEWALK, scratch};

const SATP: u64 = 0x8003_3000_000_830ca;

fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures/linux-sv39")
}

fn satp() -> Satp {
    Satp::decode(SATP, Xlen::Rv64).expect("a satp")
}

/// A whole process of Linux out of a core, beside `cat` of the same file.
pub fn core() -> Vec<Row> {
    let folder = captures();
    let satp = format!("{SATP:#x}");
    let map = ["map", "--from", "pagetables.core", "--satp", &satp];
    let (ours, cat) = race(
        41,
        || run(&folder, PAGEWALK, &map),
        || run(&folder, "cat", &["pagetables.core"]),
    );
    vec![Row {
        name: "map.core",
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: Some(5.0 * cat.wall),
        peer: recorded("cat of the same file", cat.wall),
    }]
}

/// Tables in RAM, lent page by page.
struct Ram {
    first: u64,
    pages: Vec<[u8; 4096]>,
}

impl Memory for Ram {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, ()> {
        let page = self.page(at).ok_or(())?;
        let from = at.offset(4096) as usize;
        let mut word = [0; 8];
        word[..bytes].copy_from_slice(&page[from..from + bytes]);
        Ok(u64::from_le_bytes(word))
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        self.pages.get(at.frame().checked_sub(self.first)? as usize)
    }
}

/// A root, 32 tables below it, and 16,384 full tables of pages below those: 64 MiB.
fn full_tables() -> Ram {
    let first = 0x10_0000;
    let mut pages = vec![[0; 4096]; 1 + 32 + 32 * 512];
    let mut put = |table: usize, index: usize, pte: Pte| {
        pages[table][index * 8..][..8].copy_from_slice(&pte.raw().to_le_bytes());
    };
    let table = |place: usize| PhysAddr::from_frame(first + place as u64);
    for middle in 0..32 {
        put(0, middle, Pte::pointer(Mode::Sv39, table(1 + middle)));
        for last in 0..512 {
            let place = 33 + middle * 512 + last;
            put(1 + middle, last, Pte::pointer(Mode::Sv39, table(place)));
            for page in 0..512_u64 {
                let frame = 0x100_0000 + (place as u64) * 512 + page;
                let flags = Pte::READ | Pte::WRITE | Pte::ACCESSED | Pte::DIRTY;
                let leaf = Pte::leaf(Mode::Sv39, PhysAddr::from_frame(frame), flags);
                put(place, page as usize, leaf);
            }
        }
    }
    Ram { first, pages }
}

/// Bytes of full tables decoded in a second, beside `memchr` looking at all of them.
pub fn rate() -> Vec<Row> {
    let mut ram = full_tables();
    let bytes = ram.pages.len() * 4096;
    let satp = Satp {
        mode: Mode::Sv39,
        asid: 0,
        root: PhysAddr::from_frame(ram.first),
    };
    let best = |run: &mut dyn FnMut()| {
        let once = |_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        };
        (0..7).map(once).fold(f64::INFINITY, f64::min)
    };
    let ours = best(&mut || {
        let space = Space::read(&mut ram, satp, Dialect::None);
        assert_eq!((space.leaves, space.ranges.len()), (32 * 512 * 512, 1));
    });
    let peer = best(&mut || {
        // No byte of the tables is this one, so all are looked at.
        let found = ram
            .pages
            .iter()
            .filter_map(|page| memchr::memchr(0xee, page));
        assert!(found.count() < ram.pages.len());
    });
    let rate = |seconds: f64| bytes as f64 / seconds / f64::from(1 << 30);
    vec![Row {
        name: "decode.rate",
        value: rate(ours),
        unit: "GiB/s",
        better: Better::Higher,
        limit: Some((rate(peer) / 8.0).max(1.0)),
        peer: recorded("memchr over the same tables", rate(peer)),
    }]
}

/// A hostile dump: 1 GiB, sparse, in which every table leads to every other.
pub fn hostile() -> Vec<Row> {
    let folder = scratch();
    let dump = crate::hostile::dump(folder.path());
    let (seconds, peak) = crate::hostile::map(PAGEWALK, &dump);
    vec![
        Row {
            name: "map.hostile",
            value: seconds,
            unit: "s",
            better: Better::Lower,
            limit: Some(2.0),
            peer: None,
        },
        Row {
            name: "map.hostile.memory",
            value: peak as f64 / f64::from(1 << 20),
            unit: "MiB",
            better: Better::Lower,
            limit: Some(200.0),
            peer: None,
        },
    ]
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Reads the process through a stub; how long, and how many packets, that took.
fn through(line: &StubLine, one_by_one: bool) -> (f64, usize) {
    line.asked();
    let start = Instant::now();
    let mut stub = Stub::connect(&line.address, &STOP).expect("a stub");
    let source: Box<dyn Source> = if one_by_one {
        stub.one_by_one();
        Box::new(stub)
    } else {
        let ram = stub.memory().expect("an answer");
        Box::new(Ahead::new(Within::new(stub, ram), &[satp()]))
    };
    let mut memory = Cached::new(source);
    let space = Space::read(&mut memory, satp(), Dialect::None);
    assert_eq!((space.ranges.len(), memory.pages()), (349, 229));
    drop(memory);
    (start.elapsed().as_secs_f64(), line.asked().len())
}

/// The median of some tries of both, taking turns.
fn medians(line: &StubLine, tries: usize) -> (f64, f64, usize) {
    let (mut ours, mut peer, mut packets) = (Vec::new(), Vec::new(), 0);
    for _ in 0..tries {
        let (seconds, asked) = through(line, false);
        packets = asked;
        ours.push(seconds);
        peer.push(through(line, true).0);
    }
    for list in [&mut ours, &mut peer] {
        list.sort_by(f64::total_cmp);
    }
    (ours[tries / 2], peer[tries / 2], packets)
}

fn one_by_one(seconds: f64) -> Option<Peer> {
    recorded("ourselves, one question at a time", seconds)
}

/// A process of Linux through QEMU's stub: packets, and seconds.
pub fn rsp() -> Vec<Row> {
    let machine = Frozen::with_core(&captures().join("pagetables.core"));
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let (ours, peer, packets) = medians(&line, 5);
    vec![
        Row {
            name: "map.rsp_packets",
            value: packets as f64,
            unit: "packets",
            better: Better::Lower,
            limit: Some(480.0),
            peer: recorded("gef, recorded", 1842.0),
        },
        Row {
            name: "map.rsp",
            value: ours,
            unit: "s",
            better: Better::Lower,
            limit: Some(peer),
            peer: one_by_one(peer),
        },
    ]
}

/// The same over a line that takes 5 ms each way.
pub fn rsp_far() -> Vec<Row> {
    let machine = Frozen::with_core(&captures().join("pagetables.core"));
    let line = StubLine::to(&machine.stub, Duration::from_millis(5));
    let (ours, peer, _) = medians(&line, 3);
    vec![Row {
        name: "map.rsp_5ms",
        value: ours,
        unit: "s",
        better: Better::Lower,
        limit: Some(peer / 8.0),
        peer: one_by_one(peer),
    }]
}

/// Pages that are read for the maps of eight processes at once.
pub fn all_roots() -> Vec<Row> {
    let board = SocketBoard::boot(&[]);
    for _ in 0..7 {
        board.terminal().run("spin forever 1048576 &");
    }
    let spec: Spec = format!("unix:{}", board.line().display())
        .parse()
        .expect("a line");
    let mut agent =
        Agent::open(Line::open(&spec).expect("the board's line")).expect("a board of ours");
    let (_, dialect) = agent.about().expect("an answer");
    let tasks = agent.tasks().expect("an answer");
    let roots: Vec<Satp> = tasks
        .iter()
        .filter(|task| task.satp != 0)
        .map(|task| Satp::decode(task.satp, Xlen::Rv64).expect("a satp"))
        .collect();
    let mut memory = Cached::new(&mut agent);
    let ways: usize = roots
        .iter()
        .map(|satp| Space::read(&mut memory, *satp, dialect).tables.len())
        .sum();
    assert!(roots.len() >= 8, "{} roots", roots.len());
    vec![Row {
        name: "map.all_roots_pages",
        value: memory.pages() as f64,
        unit: "pages",
        better: Better::Lower,
        limit: Some(300.0),
        peer: recorded("each root by itself", ways as f64),
    }]
}
