//! Page tables out of a core, out of RAM, through QEMU's stub and through our own agent.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use link::gdb::Stub;
use link::memory::{Cached, MemorySource, Prefetch, RamOnly, open_core};
use link::session::Agent;
use link::transport::{Spec, TargetLine};
use model::AddressSpace;
use model::roots::RootScan;
use pagetable::{Dialect, Memory, PhysAddr, Satp, Seen, Xlen, visit};

use crate::clock::{race, run};
use crate::guest::board::{Frozen, SocketBoard, StubLine};
use crate::guest::recorded;
use crate::row::{Better, FigureRow, PeerFigure};
use crate::{PAGEWALK, scratch};

const SATP: u64 = 0x8003_3000_0008_30ca;

fn captures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures/linux-sv39")
}

fn satp() -> Satp {
    Satp::decode(SATP, Xlen::Rv64).expect("a satp")
}

/// A whole process of Linux out of a core, beside `cat` of the same file.
pub fn core() -> Vec<FigureRow> {
    let folder = captures();
    let satp = format!("{SATP:#x}");
    let map = ["map", "--from", "pagetables.core", "--satp", &satp];
    let (ours, cat) = race(
        41,
        || run(&folder, PAGEWALK, &map),
        || run(&folder, "cat", &["pagetables.core"]),
    );
    vec![FigureRow {
        name: "map.core",
        value: ours.wall,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(5.0 * cat.wall),
        peer: recorded("cat of the same file", cat.wall),
    }]
}

/// The tables of a process, many times over: more than any cache of the machine holds.
struct Copies {
    /// Where each table is in `pages`.
    places: HashMap<u64, usize>,
    pages: Vec<[u8; 4096]>,
    /// Which of the copies is read.
    copy: usize,
}

impl Memory for Copies {
    type Error = ();

    fn read_word(&mut self, _: PhysAddr, _: usize) -> Result<u64, ()> {
        Err(())
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        let place = self.places.get(&at.frame())?;
        self.pages.get(self.copy * self.places.len() + place)
    }
}

/// Bytes of real tables in RAM decoded in a second: 198 of the 229 are empty, and some are full.
/// Beside `memchr` looking at all of them.
pub fn rate() -> Vec<FigureRow> {
    const COPIES: usize = 256;
    let core = open_core(&captures().join("pagetables.core")).expect("a core");
    let mut memory = Cached::new(core.memory);
    let space = AddressSpace::read(&mut memory, satp(), Dialect::None);
    let frames: Vec<u64> = space
        .tables()
        .iter()
        .map(|table| table.at.frame())
        .collect();
    let copy = |frame: &u64| {
        *memory
            .page(PhysAddr::from_frame(*frame))
            .expect("it was read")
    };
    let one: Vec<[u8; 4096]> = frames.iter().map(copy).collect();
    let mut copies = Copies {
        places: frames.into_iter().zip(0..).collect(),
        pages: one.repeat(COPIES),
        copy: 0,
    };
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let (mut ours, mut peer) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..7 {
        ours = ours.min(time(&mut || {
            for copy in 0..COPIES {
                copies.copy = copy;
                let mut leaves = 0;
                visit(&mut copies, satp().tree(Dialect::None), |seen| match seen {
                    Seen::Mapping(mapping) => leaves += u64::from(mapping.entries),
                    Seen::Problem(problem) => panic!("{problem:?}"),
                    Seen::Table(_) => {}
                });
                assert_eq!(leaves, 5547);
            }
        }));
        peer = peer.min(time(&mut || {
            // Hardly a table has this byte: nearly all of them are looked at to their end.
            let found = copies
                .pages
                .iter()
                .filter_map(|page| memchr::memchr(0xa5, page));
            assert!(found.count() < 16 * COPIES);
        }));
    }
    let bytes = (copies.pages.len() * 4096) as f64;
    let rate = |seconds: f64| bytes / seconds / f64::from(1 << 30);
    vec![FigureRow {
        name: "decode.rate",
        value: rate(ours),
        unit: "GiB/s",
        better: Better::Higher,
        limit: None,
        aim: Some((rate(peer) / 8.0).max(1.0)),
        peer: recorded("memchr over the same tables", rate(peer)),
    }]
}

/// Memory looked through for roots in a second: words that are mostly no entries, zeros, and tables of a
/// Linux. Beside `memchr` looking at all of it.
pub fn roots() -> Vec<FigureRow> {
    const PAGES: usize = 1 << 15;
    let mut core = open_core(&captures().join("pagetables.core")).expect("a core");
    let mut table = [0; 4096];
    let root = satp().root;
    core.memory.read(root, &mut table).expect("its root");
    let page = |place: usize| match place % 32 {
        0 => table,
        1..12 => [0; 4096],
        _ => std::array::from_fn(|at| (at * place + at / 7) as u8 & 0x7f),
    };
    let pages: Vec<[u8; 4096]> = (0..PAGES).map(page).collect();
    let (mut ours, mut peer) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..7 {
        let start = Instant::now();
        let last = PhysAddr::new(u64::MAX >> 8);
        let mut scan = RootScan::new(Xlen::Rv64, PhysAddr::new(0), last);
        for (place, page) in (0..).zip(&pages) {
            scan.page(PhysAddr::from_frame(place), page);
        }
        assert_eq!(scan.candidates(), PAGES / 32);
        ours = ours.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let found = pages.iter().filter_map(|page| memchr::memchr(0xa5, page));
        assert!(found.count() <= PAGES / 32);
        peer = peer.min(start.elapsed().as_secs_f64());
    }
    let bytes = (PAGES * 4096) as f64;
    let rate = |seconds: f64| bytes / seconds / f64::from(1 << 30);
    vec![FigureRow {
        name: "roots.scan",
        value: rate(ours),
        unit: "GiB/s",
        better: Better::Higher,
        limit: None,
        aim: Some(rate(peer) / 4.0),
        peer: recorded("memchr over the same memory", rate(peer)),
    }]
}

/// A hostile dump: 1 GiB, sparse, in which every table leads to every other.
pub fn hostile() -> Vec<FigureRow> {
    let folder = scratch();
    let dump = crate::hostile::dump(folder.path());
    let (seconds, peak) = crate::hostile::map(PAGEWALK, &dump);
    let start = Instant::now();
    run(folder.path(), "cat", &["hostile.bin"]);
    let cat = start.elapsed().as_secs_f64();
    vec![
        FigureRow {
            name: "map.hostile",
            value: seconds,
            unit: "s",
            better: Better::Lower,
            limit: None,
            aim: Some(2.0),
            peer: recorded("cat of the same file", cat),
        },
        FigureRow {
            name: "map.hostile.memory",
            value: peak as f64 / f64::from(1 << 20),
            unit: "MiB",
            better: Better::Lower,
            limit: Some(200.0),
            aim: None,
            // A root, 512 tables below it, and 1,009 below those.
            peer: recorded("its tables, each once", 1522.0 / 256.0),
        },
    ]
}

static STOP: AtomicBool = AtomicBool::new(false);

/// Reads the process through a stub; how long, and how many packets, that took.
fn through(line: &StubLine, one_by_one: bool) -> (f64, usize) {
    line.asked();
    let start = Instant::now();
    let mut stub = Stub::connect(&line.address, &STOP).expect("a stub");
    let source: Box<dyn MemorySource> = if one_by_one {
        stub.one_by_one();
        Box::new(stub)
    } else {
        let ram = stub.memory().expect("an answer");
        Box::new(Prefetch::new(RamOnly::new(stub, ram), &[satp()]))
    };
    let mut memory = Cached::new(source);
    let space = AddressSpace::read(&mut memory, satp(), Dialect::None);
    assert_eq!((space.ranges().len(), memory.pages()), (349, 229));
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

fn one_by_one(seconds: f64) -> Option<PeerFigure> {
    recorded("ourselves, one question at a time", seconds)
}

/// A process of Linux through QEMU's stub: packets, and seconds.
pub fn rsp() -> Vec<FigureRow> {
    let machine = Frozen::with_core(&captures().join("pagetables.core"));
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let (ours, peer, packets) = medians(&line, 5);
    vec![
        FigureRow {
            name: "map.rsp_packets",
            value: packets as f64,
            unit: "packets",
            better: Better::Lower,
            limit: Some(480.0),
            aim: None,
            peer: recorded("gef, recorded", 1842.0),
        },
        FigureRow {
            name: "map.rsp",
            value: ours,
            unit: "s",
            better: Better::Lower,
            limit: None,
            aim: Some(peer),
            peer: one_by_one(peer),
        },
    ]
}

/// The same over a line that takes 5 ms each way.
pub fn rsp_far() -> Vec<FigureRow> {
    let machine = Frozen::with_core(&captures().join("pagetables.core"));
    let line = StubLine::to(&machine.stub, Duration::from_millis(5));
    let (ours, peer, _) = medians(&line, 3);
    vec![FigureRow {
        name: "map.rsp_5ms",
        value: ours,
        unit: "s",
        better: Better::Lower,
        limit: None,
        aim: Some(peer / 8.0),
        peer: one_by_one(peer),
    }]
}

/// Pages that are read for the maps of eight processes at once.
pub fn all_roots() -> Vec<FigureRow> {
    let board = SocketBoard::boot(&[]);
    for _ in 0..7 {
        board.terminal().run("spin forever 1048576 &");
    }
    let spec: Spec = format!("unix:{}", board.line().display())
        .parse()
        .expect("a line");
    let mut agent =
        Agent::open(TargetLine::open(&spec).expect("the board's line")).expect("a board of ours");
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
        .map(|satp| {
            AddressSpace::read(&mut memory, *satp, dialect)
                .tables()
                .len()
        })
        .sum();
    assert!(roots.len() >= 8, "{} roots", roots.len());
    vec![FigureRow {
        name: "map.all_roots_pages",
        value: memory.pages() as f64,
        unit: "pages",
        better: Better::Lower,
        limit: Some(300.0),
        aim: None,
        peer: recorded("each root by itself", ways as f64),
    }]
}
