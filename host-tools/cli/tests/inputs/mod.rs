//! Inputs as an enemy would write them: one function for each kind, which any bytes may enter.
//!
//! `noise.rs` drives them with proptest, and `host-tools/fuzz` with libFuzzer. A function ends
//! within bounds of time and memory, or panics: then a bug is found.

pub mod line;

use std::io::Write;

use link::memory::{
    Cached, MemorySource, ReadError, Snapshot, listing, memory_map, memory_regions, memory_tree,
    open_core, open_physical, text,
};
use link::{Lines, Symbols};
use model::diff::diff;
use model::find::reaching;
use model::lint::{LintMachine, lint};
use model::space::{Bounds, Merge};
use model::stats::Stats;
use model::working::WorkingSet;
use model::{AddressSpace, GuestMap};
use pagetable::{
    AccessType, Dialect, GuestRoot, Memory, Mode, Outside, PMP_ENTRIES, PhysAddr, PmpMode,
    Privilege, Root, Satp, ScanBudget, VirtAddr, Xlen, translate_two_stage,
};

/// Where the memory of a dump begins here.
pub const BASE: u64 = 0x8000_0000;
/// Tables that are looked at.
const BUDGET: ScanBudget = ScanBudget { tables: 256 };

/// Bytes as they lie in memory from [`BASE`] on.
struct Dump<'a>(&'a [u8]);

impl MemorySource for Dump<'_> {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let outside = ReadError::Outside(Outside { at, bytes });
        let from = at.raw().checked_sub(BASE).map(|from| from as usize);
        let held = from.and_then(|from| self.0.get(from..from.checked_add(bytes)?));
        into.copy_from_slice(held.ok_or(outside)?);
        Ok(())
    }
}

/// Everything that commands do with a space. It answers how many entries map something, as all
/// of these do: a test that finds none tests nothing.
fn see<M: Memory>(memory: &mut M, root: u64, mode: Mode, dialect: Dialect) -> u64 {
    let satp = Satp {
        mode,
        asid: 0,
        root: PhysAddr::new(root),
    };
    let mut spaces = vec![AddressSpace::read_within(memory, satp, dialect, BUDGET)];
    // Each table is decoded once for each level; on how many ways entries are met is counted.
    let read = spaces[0].tables().len();
    assert!(read <= BUDGET.tables as usize, "{read} tables");
    let machine = LintMachine {
        ram: vec![Bounds {
            first: BASE,
            last: BASE + (1 << 30),
        }],
        devices: Vec::new(),
        svade: Some(true),
        pmp: None,
    };
    let _ = lint(&spaces, &machine);
    let stats = Stats::of(&spaces[0]);
    assert!(stats.tables() <= u64::from(BUDGET.tables));
    let _ = WorkingSet::of(&spaces[0]);
    let anywhere = Bounds {
        first: BASE,
        last: BASE + 4095,
    };
    let _ = reaching(&spaces, anywhere, 1000);
    assert!(diff(&spaces[0], &spaces[0], &[]).changes.is_empty());
    spaces[0].merge(Merge::Va);
    let _ = spaces[0].count();
    spaces[0].leaves
}

/// A guest whose both stages begin at one table, which lies at itself or anywhere.
fn guest<M: Memory>(memory: &mut M, root: u64, mode: Mode, dialect: Dialect) {
    let table = PhysAddr::new(root);
    let first = Root {
        mode,
        table,
        dialect,
    };
    let second = GuestRoot {
        mode,
        table,
        dialect,
    };
    for va in [0, root, root << 9, u64::MAX] {
        let walk = translate_two_stage(memory, first, second, VirtAddr::new(va));
        let _ = walk.fault(AccessType::Write, Privilege::USER, true);
        assert!(walk.steps().count() <= usize::from(mode.levels()));
    }
    let few = ScanBudget { tables: 8 };
    let map = GuestMap::read(memory, first, second, few);
    assert!(map.ranges.iter().all(|range| range.bytes > 0));
}

/// A raw dump: each of its first pages is a root, in every mode and dialect.
pub fn dump(bytes: &[u8]) -> u64 {
    let mut memory = Cached::new(Dump(bytes));
    let mut leaves = 0;
    for root in (BASE..).step_by(4096).take((bytes.len() / 4096).min(4)) {
        for mode in Mode::ALL {
            for dialect in Dialect::ALL {
                leaves += see(&mut memory, root, mode, dialect);
                guest(&mut memory, root, mode, dialect);
            }
        }
    }
    leaves
}

/// A text dump, as a user pasted it.
pub fn pasted(bytes: &[u8]) -> u64 {
    let base = 0;
    let one = |mode: Mode| {
        let dump = text::read("noise", bytes, text::Reading { base, mode }).ok()?;
        let mut pages: Vec<u64> = dump
            .memory
            .words(mode.entry_bytes())
            .map(|(at, _)| at.align_down(4096).raw())
            .collect();
        pages.dedup();
        let mut memory = Cached::new(dump.memory);
        let roots = pages.into_iter().take(4);
        let leaves = roots.map(|root| see(&mut memory, root, mode, Dialect::THead));
        Some(leaves.sum::<u64>())
    };
    [Mode::Sv32, Mode::Sv39].into_iter().filter_map(one).sum()
}

/// An ELF core: what its first page leads to, and where the fixtures have their roots.
pub fn core(bytes: &[u8]) -> u64 {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room");
    let Ok(core) = open_core(file.path()) else {
        return 0;
    };
    let first = core.memory.ranges().next();
    let first = first.map_or(BASE, |(start, _)| start.raw());
    let mut memory = Cached::new(core.memory);
    let sv32 = [first, 0x80a1_f000].map(|root| see(&mut memory, root, Mode::Sv32, Dialect::None));
    let sv39 = [first, 0x830c_a000].map(|root| see(&mut memory, root, Mode::Sv39, Dialect::Svpbmt));
    sv32.iter().chain(&sv39).sum()
}

/// A dump of physical memory in any format, compressed or not: what its own root and its first page lead to.
pub fn physical(bytes: &[u8]) -> u64 {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(bytes).expect("room");
    let Ok(dump) = open_physical(file.path()) else {
        return 0;
    };
    let first = dump.ranges.first().map_or(BASE, |(start, _)| start.raw());
    let root = dump.root.map_or(first, |root| root.satp.root.raw());
    let mut memory = Cached::new(dump.memory);
    let roots = [first, root, BASE].into_iter();
    roots
        .map(|root| see(&mut memory, root, Mode::Sv39, Dialect::Svpbmt))
        .sum()
}

/// Mappings as other programs print them.
pub fn printed(bytes: &[u8]) -> u64 {
    let Some(list) = listing::read(bytes) else {
        return 0;
    };
    let modes = [None, Some(Mode::Sv32), Some(Mode::Sv57)].into_iter();
    let built = modes.filter_map(|mode| listing::build(&list.spaces, mode, None).ok());
    let seen = built.map(|built| {
        let roots: Vec<Satp> = built.roots.iter().map(|(_, satp)| *satp).take(4).collect();
        let mut memory = Cached::new(built.memory);
        let roots = roots.iter();
        roots
            .map(|satp| see(&mut memory, satp.root.raw(), satp.mode, Dialect::Svpbmt))
            .sum::<u64>()
    });
    seen.sum()
}

/// A snapshot: what is read is written as it was.
pub fn snapshot(bytes: &[u8]) -> u64 {
    let Ok(snapshot) = Snapshot::read(bytes) else {
        return 0;
    };
    let mut written = Vec::new();
    snapshot.write(&mut written).expect("room");
    let again = Snapshot::read(&written).expect("what was written is read");
    assert!(again == snapshot, "it is what it was");
    let dialect = snapshot.dialect.unwrap_or(Dialect::Svpbmt);
    let mut memory = Cached::new(snapshot.clone());
    let roots = snapshot.roots.iter().take(4);
    let satps = roots.filter_map(|(_, satp)| Satp::decode(*satp, snapshot.xlen).ok());
    satps
        .map(|satp| see(&mut memory, satp.root.raw(), satp.mode, dialect))
        .sum()
}

/// What a debugger or a stub answers to the question what is memory.
pub fn memory_lists(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let spans = [memory_map(&text), memory_regions(&text), memory_tree(&text)].concat();
    assert!(spans.len() <= 3 * text.len());
    for span in &spans {
        assert!(span.first <= span.last, "{span} of {text}");
    }
    spans.len()
}

/// A text log, for its traps: each is printed whole. Returns how many there were.
pub fn traps(bytes: &[u8]) -> usize {
    let reports = link::text::crashes(bytes);
    for report in &reports {
        assert!(report.registers.len() <= 100, "{report:?}");
        assert!(report.missing().len() < 3, "{report:?}");
    }
    reports.len()
}

/// Physical memory protection, as it was pasted. It answers how many entries match addresses.
pub fn pmp(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let of = |xlen| {
        let pmp = link::pmp::read(&text, xlen).ok()?.pmp;
        let mut at = 0;
        // Pieces end, and each access is judged.
        for _ in 0..=2 * PMP_ENTRIES {
            let _ = pmp.judge(PhysAddr::new(at), 8, AccessType::Read, PmpMode::Lower);
            let end = pmp.end_of_piece(PhysAddr::new(at)).raw();
            assert!(end >= at);
            match end.checked_add(1) {
                Some(next) => at = next,
                None => return Some(pmp.entries().len()),
            }
        }
        panic!("more pieces than entries make: {text}")
    };
    [Xlen::Rv32, Xlen::Rv64].into_iter().filter_map(of).sum()
}

/// A program, for its names and lines.
pub fn program(bytes: &[u8]) -> usize {
    let symbols = Symbols::read(bytes);
    let lines = Lines::read(bytes).ok().flatten();
    let places = [0, 0x1_0000, 0x1_0004, 0x1_0010, u64::MAX].into_iter();
    let named = places.clone().filter(|at| {
        let symbols = symbols.as_ref().ok();
        symbols.and_then(|symbols| symbols.name(*at)).is_some()
    });
    let lines = places.filter(|at| lines.as_ref().and_then(|it| it.line(*at)).is_some());
    named.count() + lines.count()
}
