//! What changed on a machine between two readings: `diff` while a program maps and unmaps.

use std::fmt::Write;

use abi::Call;
use object::{Object, ObjectSection};
use serde_json::Value;

use crate::board::{SocketBoard, built};
use crate::host::pagewalk;
use crate::plugin::{Machine, between, gdb};
use crate::tools::path;

/// Pages that the program maps at a time: 400 a second, in a hundred batches.
const BATCH: usize = 4;

/// Where a program calls the kernel: each `ecall` of its code.
fn calls(program: &str) -> Vec<u64> {
    let bytes = std::fs::read(built(program)).expect("a program");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let text = file.section_by_name(".text").expect("code");
    let code = text.data().expect("code");
    let is_call = |at: &usize| code.get(*at..at + 4) == Some(&[0x73, 0, 0, 0]);
    let places = (0..code.len()).step_by(2).filter(is_call);
    places.map(|at| text.address() + at as u64).collect()
}

/// The changes of the pages that a program mapped: kind, address, bytes.
fn changes(diff: &str) -> Vec<(String, u64, u64)> {
    let diff: Value = serde_json::from_str(diff).expect("JSON");
    let spaces = diff["spaces"].as_array().expect("a list");
    let all = spaces
        .iter()
        .flat_map(|it| it["changes"].as_array().expect("a list"));
    let change = |it: &Value| {
        let va = it["va"].as_str().expect("an address");
        let va = u64::from_str_radix(&va[2..], 16).expect("hexadecimal");
        let kind = it["kinds"][0].as_str().expect("a kind").to_owned();
        (kind, va, it["size"].as_u64().expect("bytes"))
    };
    all.map(change).collect()
}

#[test]
fn pages_that_a_program_maps_are_added_and_those_it_unmaps_are_removed() {
    let mut machine = Machine::boot(&[]);
    machine.board.terminal().run("pace_test 400 &");
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| path(&folder.path().join(name)).to_owned();
    let [before, mapped, after] = ["before.json", "mapped.json", "after.json"].map(file);
    // The program is stopped where it is about to map, to unmap, and to sleep: each time in the
    // same tables, and nothing else has run in them.
    let places = calls("images/rootfs/bin/pace_test");
    assert!(!places.is_empty());
    let until = |call: Call| {
        let number = call as usize;
        let mut script = "delete\n".to_owned();
        for place in &places {
            writeln!(script, "break *{place:#x} if $a7 == {number}").expect("room");
        }
        let script_at = file(&format!("until-{number}"));
        std::fs::write(&script_at, script + "continue\n").expect("a file");
        format!("source {script_at}")
    };
    let said = gdb(
        &machine.stub,
        &[
            &until(Call::Mmap),
            &format!("pw snapshot {before}"),
            &until(Call::Munmap),
            "echo <added>\\n",
            &format!("pw diff {before}"),
            "echo </added>\\n",
            &format!("pw snapshot {mapped}"),
            &until(Call::Sleep),
            "echo <removed>\\n",
            &format!("pw diff {mapped}"),
            "echo </removed>\\n",
            &format!("pw snapshot {after}"),
            "delete",
            "detach",
        ],
    );
    machine.monitor.must_run();
    let told = |mark: &str, kind: &str| {
        let lines = between(&said, mark).lines();
        lines.filter(|line| line.starts_with(kind)).count()
    };
    assert!(
        told("added", "added ") >= 1 && told("added", "removed ") == 0,
        "{said}"
    );
    assert!(
        told("removed", "removed ") >= 1 && told("removed", "added ") == 0,
        "{said}"
    );

    // The host says the same of what was saved, and that it was the same pages.
    let diff = |before: &str, after: &str| {
        changes(&pagewalk(&["diff", before, after, "--format", "json"]))
    };
    let [came, went] = [diff(&before, &mapped), diff(&mapped, &after)];
    // Their frames need not lie side by side: then they are several rows.
    let of = |changes: &[(String, u64, u64)], kind: &str| -> Vec<u64> {
        let all = changes.iter().filter(|it| it.0 == kind);
        all.flat_map(|it| (it.1..it.1 + it.2).step_by(4096))
            .collect()
    };
    let pages = of(&came, "added");
    assert_eq!(pages.len(), BATCH, "{came:?}");
    assert!(pages.windows(2).all(|pair| pair[0] + 4096 == pair[1]));
    assert_eq!(of(&went, "removed"), pages, "{went:?}");
    assert!(of(&came, "removed").is_empty() && of(&went, "added").is_empty());
    assert!(of(&diff(&before, &after), "added").is_empty());
}

#[test]
fn a_task_that_began_is_added_and_one_that_ended_is_removed() {
    let board = SocketBoard::boot(&[]);
    let line = format!("unix:{}", board.line().display());
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| path(&folder.path().join(name)).to_owned();
    let save = |to: &str| pagewalk(&["snapshot", "save", to, "--from", &line, "--all-roots"]);
    let (before, between) = (file("before.json"), file("between.json"));
    let live = |from: &str| {
        let diff = ["diff", from, &line, "--all-roots", "--format", "json"];
        changes(&pagewalk(&diff))
    };
    let user = |changes: Vec<(String, u64, u64)>, kind: &str| -> u64 {
        let pages = changes.iter().filter(|it| it.0 == kind && it.1 < 1 << 38);
        pages.map(|it| it.2).sum()
    };
    save(&before);
    assert_eq!(user(live(&before), "added"), 0);
    board.terminal().run("spin &");
    let came = live(&before);
    assert!(
        user(came.clone(), "added") > 0 && user(came.clone(), "removed") == 0,
        "{came:?}"
    );
    save(&between);
    let tasks = pagewalk(&["ps", "--from", &line]);
    let spin = tasks
        .lines()
        .find(|it| it.contains("spin"))
        .expect("it runs");
    let number = spin.split_whitespace().next().expect("a number");
    board.terminal().run(&format!("kill {number}"));
    board.terminal().run("ps");
    let went = live(&between);
    assert!(
        user(went.clone(), "removed") > 0 && user(went.clone(), "added") == 0,
        "{went:?}"
    );
}
