//! All address spaces of a board at once: each task's map, and no table read twice.

use std::collections::BTreeSet;

use link::memory::Cached;
use link::session::Agent;
use link::transport::{Spec, TargetLine};
use model::AddressSpace;
use pagetable::{Satp, Xlen};

use crate::board::SocketBoard;
use crate::host::pagewalk;

/// Pages that are read for eight processes, at most; each root by itself would take twice as many.
const MOST_PAGES: usize = 300;

#[test]
fn eight_processes_are_mapped_searched_and_judged_at_once() {
    let board = SocketBoard::boot(&[]);
    for _ in 0..7 {
        board.terminal().run("spin forever 1048576 &");
    }
    let from = format!("unix:{}", board.line().display());
    let all = ["--all-roots", "--from", &from];
    let satps = |csv: &str| -> BTreeSet<String> {
        let cells = csv
            .lines()
            .skip(1)
            .filter_map(|line| line.split(',').next());
        cells.map(str::to_owned).collect()
    };
    let map = pagewalk(&[&["map", "--format", "csv"], &all[..]].concat());
    let roots = satps(&map);
    assert!(roots.len() >= 8, "{roots:?}");
    // The kernel's first page is the kernel's in each of them.
    let find = pagewalk(&[&["find", "0x80200000", "--format", "csv"], &all[..]].concat());
    assert_eq!(satps(&find), roots);
    let lint = pagewalk(&[&["lint", "--board", "qemu-virt"], &all[..]].concat());
    assert!(lint.ends_with("0 errors, 0 warnings, 0 info\n"), "{lint}");
    assert!(
        lint.contains(" spin forever 1048576: satp "),
        "tasks are named: {lint}"
    );
    // One task alone is what it is among all.
    let one = roots.iter().next_back().expect("a root");
    let alone = pagewalk(&["map", "--format", "csv", "--satp", one, "--from", &from]);
    let among = map
        .lines()
        .filter_map(|line| line.strip_prefix(&format!("{one},")));
    assert_eq!(
        alone.lines().skip(1).collect::<Vec<_>>(),
        among.collect::<Vec<_>>()
    );
}

#[test]
fn tables_that_eight_processes_share_are_read_once() {
    let board = SocketBoard::boot(&[]);
    for _ in 0..7 {
        board.terminal().run("spin forever 1048576 &");
    }
    let spec: Spec = format!("unix:{}", board.line().display())
        .parse()
        .expect("a line");
    let line = TargetLine::open(&spec).expect("the board's line");
    let mut agent = Agent::open(line).expect("a board of ours");
    let (_, dialect) = agent.about().expect("an answer");
    let tasks = agent.tasks().expect("an answer");
    let satps = tasks.iter().map(|task| task.satp).filter(|satp| *satp != 0);
    let satps: Vec<Satp> = satps
        .map(|satp| Satp::decode(satp, Xlen::Rv64).expect("a satp"))
        .collect();
    assert!(satps.len() >= 8, "{satps:?}");
    let mut memory = Cached::new(&mut agent);
    let spaces: Vec<AddressSpace> = satps
        .iter()
        .map(|it| AddressSpace::read(&mut memory, *it, dialect))
        .collect();
    let tables = spaces
        .iter()
        .flat_map(|space| space.tables().into_iter().map(|table| table.at));
    let ways = tables.clone().count();
    let unique: BTreeSet<_> = tables.collect();
    assert_eq!(
        memory.pages(),
        unique.len(),
        "each table once, and nothing else"
    );
    assert!(
        memory.pages() <= MOST_PAGES && memory.pages() * 2 < ways,
        "{} of {ways}",
        unique.len()
    );
}
