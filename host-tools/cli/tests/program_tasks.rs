//! Tasks of kernels that only their own files describe, beside what each system says itself.

mod program;

use program::{json, pagewalk};
use serde_json::Value;

/// The rows of a `ps`: number, state and name.
fn tasks(words: &[&str]) -> Vec<(u64, String, String)> {
    let list = json(&[words, &["--format", "json"]].concat(), "");
    let rows = list["tasks"].as_array().expect("a list").iter();
    let text = |row: &Value, key: &str| row[key].as_str().expect(key).to_owned();
    rows.map(|row| {
        (
            row["pid"].as_u64().expect("a number"),
            text(row, "state"),
            text(row, "command"),
        )
    })
    .collect()
}

const XV6: [&str; 4] = ["--from", "xv6/guest.core.xz", "--elf", "xv6/kernel.elf.xz"];

#[test]
fn xv6_has_the_processes_that_its_procdump_lists() {
    let printed = include_str!("captures/xv6/procdump.txt");
    let expected: Vec<(u64, String, String)> = printed
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [pid, "sleep", name] = words[..] else {
                panic!("{line}");
            };
            let pid = pid.parse().expect("a number");
            (pid, "sleeping".to_owned(), name.to_owned())
        })
        .collect();
    assert_eq!(expected.len(), 5);
    assert_eq!(tasks(&[&["ps"], &XV6[..]].concat()), expected);
}

/// The size is what the kernel counts, the tables are what the hardware walks: they are two sources.
#[test]
fn a_process_of_xv6_maps_as_many_bytes_as_its_kernel_counts() {
    for pid in ["1", "2", "6", "7", "8"] {
        let map = json(
            &[&["map", "--task", pid, "--format", "json"], &XV6[..]].concat(),
            "",
        );
        let ranges = map["ranges"].as_array().expect("ranges");
        let va = |range: &Value| {
            let text = range["va"].as_str().expect("an address");
            u64::from_str_radix(&text[2..], 16).expect("hex")
        };
        // What is named reaches as far as the size that the kernel counts; behind it are two pages for traps, the
        // highest of Sv39's lower half.
        let (own, traps) = ranges.split_at(ranges.len() - 2);
        let mut end = 0;
        for range in own {
            assert_eq!(va(range), end, "{pid}");
            assert!(range["name"].as_str().is_some(), "{pid}: {range}");
            end += range["size"].as_u64().expect("bytes");
        }
        assert!(end > 0, "{pid}");
        assert_eq!(va(&traps[0]), (1 << 38) - 0x2000);
        assert!(traps.iter().all(|range| range["name"].is_null()));
    }
}

#[test]
fn another_kernels_file_and_a_task_that_is_not_there_are_errors() {
    let run = pagewalk(
        &["ps", "--from", "xv6/guest.core.xz", "--elf", "harts.elf"],
        "",
    );
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("no system was recognized"),
        "{}",
        run.stderr
    );
    let run = pagewalk(&[&["map", "--task", "42"], &XV6[..]].concat(), "");
    assert!(
        run.stderr
            .contains("there is no task 42; with tables of their own there are 1, 2, 6, 7, 8"),
        "{}",
        run.stderr
    );
}

/// Each of them waits in a system call: from where it was switched away to the handler of its trap.
#[test]
fn each_stack_of_xv6_leads_from_the_switch_to_the_trap_with_file_and_line() {
    let list = json(
        &[&["ps", "--stacks", "--format", "json"], &XV6[..]].concat(),
        "",
    );
    let tasks = list["tasks"].as_array().expect("a list");
    assert_eq!(tasks.len(), 5);
    for task in tasks {
        let calls = task["calls"].as_array().expect("calls");
        // The handler's caller is the process itself: an address of its own.
        let (process, calls) = calls.split_last().expect("calls");
        assert!(process["function"].is_null(), "{process}");
        let names: Vec<&str> = calls
            .iter()
            .map(|call| call["function"].as_str().expect("a name"))
            .collect();
        assert_eq!(names[..2], ["sched", "sleep"], "{names:?}");
        assert_eq!(
            names[names.len() - 2..],
            ["syscall", "usertrap"],
            "{names:?}"
        );
        for call in calls {
            let file = call["file"].as_str().expect("a file");
            assert!(file.starts_with("/build/xv6/kernel/"), "{call}");
            assert!(call["line"].as_u64().is_some_and(|line| line > 0));
        }
    }
}
