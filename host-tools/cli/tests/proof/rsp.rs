//! Real page tables through QEMU's stub: exact, in few packets, and nothing but memory is read.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::board::{Frozen, StubLine};
use crate::host::pagewalk;

const CAPTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/linux-sv39");
/// 229 tables of two packets each, and the handshake.
const MOST_PACKETS: usize = 480;

fn linux() -> Frozen {
    Frozen::with_core(&Path::new(CAPTURES).join("pagetables.core"))
}

/// The addresses and lengths of all memory that was asked for.
fn reads(asked: &[String]) -> Vec<(u64, u64)> {
    let reads = asked
        .iter()
        .filter_map(|it| it.strip_prefix('m')?.split_once(','));
    let hex = |text| u64::from_str_radix(text, 16).expect("a number");
    reads.map(|(at, length)| (hex(at), hex(length))).collect()
}

#[test]
fn a_real_map_through_qemus_stub_is_exact_and_takes_few_packets() {
    let machine = linux();
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let from = format!("gdb://{}", line.address);
    for (name, tables) in [("current", 229), ("swapper", 218), ("pid1", 225)] {
        let truth = std::fs::read_to_string(format!("{CAPTURES}/truth.{name}.json"));
        let truth: Value = serde_json::from_str(&truth.expect("a truth")).expect("JSON");
        let satp = truth["satp"].as_str().expect("a satp");
        let map = ["map", "--from", &from, "--satp", satp, "--xlen", "64"];
        let map: Value =
            serde_json::from_str(&pagewalk(&[&map[..], &["--format", "json"]].concat()))
                .expect("JSON");
        assert_eq!(map["ranges"], truth["ranges"], "{name}");
        let asked = line.asked();
        assert!(
            asked.len() <= MOST_PACKETS,
            "{name}: {} packets",
            asked.len()
        );
        let reads = reads(&asked);
        assert_eq!(
            reads.len(),
            2 * tables,
            "{name}: half a page in each packet, none twice"
        );
        let ram = 0x8000_0000..0xa000_0000;
        assert!(
            reads
                .iter()
                .all(|(at, length)| ram.contains(at) && at + length <= ram.end)
        );
    }
}

#[test]
fn roots_that_share_tables_read_each_once() {
    let machine = linux();
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let from = format!("gdb://{}", line.address);
    let satps = "0x80033000000830ca,0x8000000000081fca,0x800000000008feee";
    let map = pagewalk(&[
        "map", "--from", &from, "--satp", satps, "--xlen", "64", "--format", "csv",
    ]);
    assert_eq!(map.lines().count(), 1 + 349 + 257 + 285);
    // 672 ways to tables lead to 238 of them.
    assert_eq!(reads(&line.asked()).len(), 2 * 238);
}

#[test]
fn a_search_and_a_snapshot_of_all_roots_read_each_table_once() {
    let machine = linux();
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let from = format!("gdb://{}", line.address);
    let satps = "0x80033000000830ca,0x8000000000081fca,0x800000000008feee";
    let roots = ["--from", &from, "--satp", satps, "--xlen", "64"];
    let find = pagewalk(&[&["find", "0x80200000", "--format", "csv"], &roots[..]].concat());
    assert_eq!(reads(&line.asked()).len(), 2 * 238, "{find}");
    let spaces: BTreeSet<&str> = find
        .lines()
        .skip(1)
        .filter_map(|it| it.split(',').next())
        .collect();
    assert_eq!(spaces.len(), 3, "the kernel is in each of them: {find}");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.json");
    let file = file.to_str().expect("UTF-8");
    pagewalk(&[&["snapshot", "save", file], &roots[..]].concat());
    assert_eq!(reads(&line.asked()).len(), 2 * 238);
    // Nothing more is asked of the machine: the snapshot has it.
    let all = ["--all-roots", "--from", file, "--format", "csv"];
    let map = pagewalk(&[&["map"], &all[..]].concat());
    assert_eq!(map.lines().count(), 1 + 349 + 257 + 285);
    assert_eq!(
        pagewalk(&[&["find", "0x80200000"], &all[..]].concat()),
        find
    );
    assert!(line.asked().is_empty());
}

#[test]
fn registers_and_memory_are_told_by_the_stub_itself() {
    let machine = linux();
    let line = StubLine::to(&machine.stub, Duration::ZERO);
    let from = format!("gdb://{}", line.address);
    // The hart has not begun: satp is 0, addresses are not translated.
    let told = pagewalk(&["walk", "0x80000000", "--from", &from]);
    assert!(told.contains("bare, no translation"), "{told}");
    let asked = line.asked();
    assert!(
        asked.iter().any(|it| it.starts_with("qRcmd,")),
        "RAM is asked for: {asked:?}"
    );
    // It was stopped, and a detach would let it run: it is left as it was found.
    assert_eq!(
        asked.last().map(String::as_str),
        Some("Qqemu.PhyMemMode:0"),
        "{asked:?}"
    );
    assert!(!asked.iter().any(|it| it.starts_with('D')), "{asked:?}");
}

/// Zeros were explained as a misaligned jump to nowhere.
#[test]
fn a_hart_at_its_first_instruction_tells_of_no_trap() {
    let machine = linux();
    let from = format!("gdb://{}", machine.stub);
    let told = pagewalk(&["explain", "--from", &from]);
    assert!(told.starts_with("No trap yet\n"), "{told}");
    assert!(
        told.contains("has taken no trap in supervisor mode"),
        "{told}"
    );
    assert!(
        !told.contains("nowhere") && !told.contains("misaligned"),
        "{told}"
    );
}
