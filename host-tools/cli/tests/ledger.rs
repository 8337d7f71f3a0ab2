//! One recording, one answer: `faults`, `dash` and the chart's input count the same faults.

use std::path::Path;
use std::process::{Command, Output};

use abi::Fault;
use link::recording::Writer;
use serde_json::Value;
use wire::{BatchWriter, Welcome};

/// Microseconds and ticks are one.
const RATE: u64 = 1_000_000;

/// A fault as the tests write it: number, milliseconds since boot, page.
type Written = (u64, u64, u64);

/// A boot as it stands on the line: a welcome, then frames; what is to be lost is left out.
fn boot(line: &mut Vec<u8>, sequence: &mut u16, faults: &[Written]) {
    let mut frame = [0; wire::LARGEST];
    let welcome = Welcome {
        version: 2,
        ticks_per_second: RATE,
        xlen: 64,
        board: "qemu-virt",
        session: 1,
    };
    let used = welcome.encode(*sequence, &mut frame).expect("it fits");
    line.extend(&frame[..used]);
    *sequence += 1;
    for (seq, time_ms, page) in faults {
        let mut batch = BatchWriter::<240>::new(*seq);
        assert!(batch.push(&Fault {
            time: time_ms * 1000,
            epc: 0x1_0000,
            va: page << 12,
            cause: 13,
            task: 2,
            satp: 8 << 60 | 0x8_0000,
            ..Fault::EMPTY
        }));
        let used = batch.encode(*sequence, &mut frame).expect("it fits");
        line.extend(&frame[..used]);
        *sequence += 1;
    }
}

fn pagewalk(arguments: &[&str], recording: &Path) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(arguments)
        .arg(recording)
        .output()
        .expect("pagewalk starts");
    assert!(output.status.success(), "{output:?}");
    output
}

/// What every command has to say about a recording.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    boots: u64,
    lost: u64,
    repeated: u64,
    /// Pages in the order of the faults.
    pages: Vec<u64>,
}

fn by_faults(recording: &Path) -> Counts {
    let output = pagewalk(&["faults", "--format", "json"], recording);
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let notes = String::from_utf8_lossy(&output.stderr).into_owned();
    let repeated = notes
        .lines()
        .find_map(|line| line.strip_prefix("note: faults received again, counted once: "));
    let faults = json["faults"].as_array().expect("a list");
    Counts {
        boots: json["boots"].as_u64().expect("a number"),
        lost: json["missing"].as_u64().expect("a number"),
        repeated: repeated.map_or(0, |count| count.parse().expect("a number")),
        pages: faults.iter().map(|it| page(&it["address"])).collect(),
    }
}

fn page(address: &Value) -> u64 {
    let digits = address.as_str().expect("text").trim_start_matches("0x");
    u64::from_str_radix(digits, 16).expect("an address") >> 12
}

fn by_dash(recording: &Path) -> Counts {
    let output = pagewalk(&["dash"], recording);
    let text = String::from_utf8(output.stdout).expect("text");
    let notes = String::from_utf8(output.stderr).expect("text");
    let totals = notes
        .lines()
        .find(|line| line.contains(" lost, "))
        .expect("totals");
    let number_before = |word: &str| -> u64 {
        let (before, _) = totals.split_once(word).expect("the word");
        let digits = before.rsplit(' ').next().expect("a word");
        digits.parse().expect("a number")
    };
    let pages = text.lines().map(|line| {
        let (_, rest) = line.split_once("0x").expect("an address");
        let digits = rest.split(' ').next().expect("a word");
        u64::from_str_radix(digits, 16).expect("an address") >> 12
    });
    Counts {
        boots: number_before(" boot"),
        lost: number_before(" lost"),
        repeated: number_before(" received again"),
        pages: pages.collect(),
    }
}

/// Records the boots, and asks both commands.
fn counted(boots: &[&[Written]]) -> Counts {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.pwlog");
    let mut line = Vec::new();
    let mut sequence = 0;
    for faults in boots {
        boot(&mut line, &mut sequence, faults);
    }
    let mut writer = Writer::append(&path).expect("a recording");
    std::io::Write::write_all(&mut writer, &line).expect("it is written");
    drop(writer);
    let (faults, dash) = (by_faults(&path), by_dash(&path));
    assert_eq!(faults, dash, "faults and dash disagree");
    faults
}

#[test]
fn a_reboot_in_a_recording_that_began_late_is_one_boot_more_for_everyone() {
    let first: &[Written] = &[(100, 900, 1), (102, 910, 2)];
    let second: &[Written] = &[(0, 10, 3), (1, 11, 4)];
    let counts = counted(&[first, second]);
    let expected = Counts {
        boots: 2,
        lost: 1,
        repeated: 0,
        pages: vec![1, 2, 3, 4],
    };
    assert_eq!(counts, expected);
}

#[test]
fn gaps_of_several_boots_and_a_replay_are_the_same_for_everyone() {
    let first: &[Written] = &[(0, 10, 1), (1, 11, 2), (4, 14, 3)];
    let again: &[Written] = &[(0, 10, 1), (1, 11, 2), (4, 14, 3), (5, 15, 4)];
    let second: &[Written] = &[(0, 12, 5), (3, 13, 6)];
    let third: &[Written] = &[(6, 2, 7), (7, 3, 8)];
    let counts = counted(&[first, again, second, third]);
    let expected = Counts {
        boots: 3,
        lost: 2 + 2,
        repeated: 3,
        pages: (1..=8).collect(),
    };
    assert_eq!(counts, expected);
}
