//! Hostile input ends, within bounds of time and memory, with an honest answer.

mod hostile;
mod program;

use std::collections::BTreeMap;

use link::memory::{Cached, MemorySource, RawSpec, ReadError, open_raw};
use model::AddressSpace;
use pagetable::{Dialect, Memory, Outside, PhysAddr, Satp, Xlen};
use program::{json, pagewalk};

/// Memory that counts what is asked of it.
struct Counted<M> {
    memory: M,
    looks: u64,
    words: u64,
}

impl<M: Memory<Error = Outside>> Memory for Counted<M> {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        self.words += 1;
        self.memory.read_word(at, bytes)
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        self.looks += 1;
        self.memory.page(at)
    }
}

/// How often each page was read.
struct Reads<S>(S, BTreeMap<u64, u32>);

impl<S: MemorySource> MemorySource for Reads<S> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        *self.1.entry(at.frame()).or_default() += 1;
        self.0.read(at, into)
    }
}

/// However many ways there are, each table is decoded once, and counted exactly; of what is listed,
/// tables that were met before have a bounded part.
#[test]
fn a_hostile_dump_costs_no_more_work_than_two_seconds_hold() {
    /// The root, 512 below it, and those that its pages are in.
    const TABLES: u64 = 1 + 512 + 1009;
    const RANGES: u64 = 1 << 18;
    let folder = tempfile::tempdir().expect("a folder");
    let dump = hostile::dump(folder.path());
    let place: RawSpec = format!("{}@0x80000000", dump.display())
        .parse()
        .expect("a place");
    let mut reads = Reads(open_raw(&[place]).expect("a dump"), BTreeMap::new());
    let satp = Satp::decode(8 << 60 | 0x80000, Xlen::Rv64).expect("a satp");
    let mut memory = Counted {
        memory: Cached::new(&mut reads),
        looks: 0,
        words: 0,
    };
    let space = AddressSpace::read(&mut memory, satp, Dialect::None);
    assert!(!space.is_cut(), "every table was read");
    assert_eq!((memory.looks, memory.words), (TABLES, 0));
    assert_eq!(space.tables().len() as u64, TABLES);
    // 262,144 ways, and 512 pages at the end of each.
    assert_eq!(space.leaves, 1 << 27);
    let listed = space.count();
    assert!(listed.ranges <= 1009 * 512 + RANGES, "{}", listed.ranges);
    assert_eq!(listed.leaves + space.left_out, space.leaves);
    assert_eq!(space.ranges().len() as u64, RANGES);
    assert!(space.is_list_cut());
    // A table that a hundred others lead to is read from the file once.
    assert_eq!(reads.1.len() as u64, TABLES);
    assert!(reads.1.values().all(|times| *times == 1));
}

#[test]
fn a_hostile_dump_ends_with_a_word_on_how_far_it_came() {
    let folder = tempfile::tempdir().expect("a folder");
    let dump = hostile::dump(folder.path());
    let (seconds, peak) = hostile::map(env!("CARGO_BIN_EXE_pagewalk"), &dump);
    println!("{seconds:.2} s, {} MiB", peak >> 20);
    assert!(peak > 0 && peak <= 200 << 20, "{} MiB", peak >> 20);
}

#[test]
fn a_core_that_was_cut_off_shows_what_is_left_and_fails() {
    let whole = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/captures/linux-sv39/pagetables.core"
    );
    let bytes = std::fs::read(whole).expect("a core");
    let folder = tempfile::tempdir().expect("a folder");
    let cut = folder.path().join("cut.core");
    let satp = "0x80033000000830ca";
    let leaves = |core: &str| {
        let stats = json(
            &["stats", "--from", core, "--satp", satp, "--format", "json"],
            "",
        );
        stats["spaces"][0]["mapped"].as_u64().expect("bytes")
    };
    // The root is in all of these, and what is behind the cut in none.
    for part in [6, 7, 8, 9] {
        std::fs::write(&cut, &bytes[..bytes.len() * part / 10]).expect("a shorter core");
        let name = cut.to_str().expect("a path in UTF-8");
        let run = pagewalk(&["map", "--from", name, "--satp", satp], "");
        assert_eq!(run.code, 1, "{part}: {}", run.stderr);
        assert!(
            run.stderr.contains("cut off; memory from 0x"),
            "{}",
            run.stderr
        );
        let is_told = run.stderr.contains("error: the core ends at 0x")
            || run.stderr.contains("error: the root table at 0x");
        assert!(is_told, "{}", run.stderr);
        assert!(run.stdout.contains("problems"), "{part}: {}", run.stdout);
    }
    assert_eq!(leaves(whole), 594_124_800);
}
