//! Many roots with one kernel: what they share costs as much as of one.

mod measured;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use link::memory::{Cached, MemorySource, RawSpec, ReadError, open_raw};
use model::AddressSpace;
use model::lint::{LintMachine, lint};
use model::stats::Stats;
use pagetable::{Dialect, PhysAddr, Satp, Xlen};

const BASE: u64 = 0x8000_0000;
/// Last tables of the kernel's half, of 512 ranges each: more than a list of ranges keeps.
const KERNEL: u64 = 600;
const ROOTS: u64 = 100;
/// Where the roots begin, in pages; the tables of each user follow its root.
const FIRST_ROOT: u64 = 1000;

/// Roots whose upper half is the same tables, and whose lower half maps a page of their own.
fn dump(folder: &Path) -> PathBuf {
    let path = folder.join("roots.bin");
    let file = File::create(&path).expect("a file");
    file.set_len(1 << 24).expect("room for a hole");
    let pointer = |page: u64| (BASE + page * 4096) >> 2 | 1;
    let put = |page: u64, index: u64, entry: u64| {
        let at = page * 4096 + index * 8;
        file.write_all_at(&entry.to_le_bytes(), at).expect("room");
    };
    for table in 0..KERNEL {
        put(1 + table / 512, table % 512, pointer(10 + table));
        for index in 0..512 {
            // Each second page is missing between: no two are one range.
            let page = BASE + (table * 512 + index) % 0x1000 * 8192;
            put(10 + table, index, page >> 2 | 0xe7);
        }
    }
    for root in 0..ROOTS {
        let page = FIRST_ROOT + root * 3;
        for half in 0..2 {
            put(page, 256 + half, pointer(1 + half));
        }
        put(page, 0, pointer(page + 1));
        put(page + 1, 0, pointer(page + 2));
        put(
            page + 2,
            root % 512,
            (BASE + 0x100_0000 + root * 4096) >> 2 | 0xd7,
        );
    }
    path
}

fn satps() -> Vec<Satp> {
    let satp = |root: u64| 8 << 60 | (BASE / 4096 + FIRST_ROOT + root * 3);
    let all = (0..ROOTS).map(satp);
    all.map(|it| Satp::decode(it, Xlen::Rv64).expect("a satp"))
        .collect()
}

struct Reads<S>(S, BTreeMap<u64, u32>);

impl<S: MemorySource> MemorySource for Reads<S> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        *self.1.entry(at.frame()).or_default() += 1;
        self.0.read(at, into)
    }
}

#[test]
fn a_hundred_roots_with_one_kernel_are_read_and_judged_as_one_and_what_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let place: RawSpec = format!("{}@{BASE:#x}", dump(folder.path()).display())
        .parse()
        .expect("a place");
    let mut reads = Reads(open_raw(&[place]).expect("a dump"), BTreeMap::new());
    let spaces = AddressSpace::read_all(&mut Cached::new(&mut reads), &satps(), Dialect::None);
    let tables = 2 + KERNEL + 3 * ROOTS;
    assert_eq!(reads.1.len() as u64, tables);
    assert!(reads.1.values().all(|times| *times == 1), "each table once");
    for (space, stats) in spaces.iter().zip(Stats::of_all(&spaces)) {
        // All is counted, though it is more than a list has room for.
        assert_eq!(stats.ranges, KERNEL * 512 + 1);
        assert_eq!(space.leaves, KERNEL * 512 + 1);
        assert_eq!((space.left_out, stats.tables()), (0, 2 + KERNEL + 3));
    }
    assert_eq!(spaces[99].each().count() as u64, KERNEL * 512 + 1);
    // What is wrong with the kernel is one mistake, not a hundred.
    let machine = LintMachine {
        svade: Some(true),
        ..LintMachine::default()
    };
    let one = lint(&spaces[..1], &machine).len();
    assert_eq!(lint(&spaces, &machine).len(), one);
}

/// The program's own memory: bytes, of one root and of a hundred.
#[test]
fn a_hundred_roots_with_one_kernel_take_twice_the_memory_of_one_at_most() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = dump(folder.path());
    let memory = format!("{}@{BASE:#x}", dump.display());
    let given: Vec<String> = satps()
        .iter()
        .map(|satp| format!("{:#x}", satp.encode(Xlen::Rv64)))
        .collect();
    let pa = "0x80002000";
    for command in [
        &["stats"][..],
        &["lint"],
        &["find", pa],
        &["map", "--range", "0-1000"],
    ] {
        let peak = |roots: &[String]| {
            let mut words = command.to_vec();
            let satp = roots.join(",");
            words.extend(["--mem", &memory, "--satp", &satp]);
            let run = measured::run(env!("CARGO_BIN_EXE_pagewalk"), &words);
            assert_eq!(run.code, Some(0), "{words:?}: {}", run.stderr);
            run.peak
        };
        let (one, all) = (peak(&given[..1]), peak(&given));
        println!("{command:?}: {} and {} KiB", one >> 10, all >> 10);
        assert!(
            one > 0 && all <= 2 * one,
            "{command:?}: {one} and {all} bytes"
        );
    }
}

#[test]
fn map_lists_more_ranges_than_fit_into_a_list() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = dump(folder.path());
    let memory = format!("{}@{BASE:#x}", dump.display());
    let satp = format!("{:#x}", satps()[0].encode(Xlen::Rv64));
    let words = ["map", "--mem", &memory, "--satp", &satp, "--format", "csv"];
    let run = measured::run(env!("CARGO_BIN_EXE_pagewalk"), &words);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    // A heading, the kernel's ranges, and one of the user.
    assert_eq!(run.lines, KERNEL * 512 + 2);
    assert!(run.stderr.is_empty(), "{}", run.stderr);
    // What keeps a list says that it is not all, and fails.
    let words = ["ws", "--mem", &memory, "--satp", &satp];
    let run = measured::run(env!("CARGO_BIN_EXE_pagewalk"), &words);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("were left out"), "{}", run.stderr);
}
