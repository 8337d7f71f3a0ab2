//! The kernel on several harts, as a user of its prompt sees it.

use std::collections::HashSet;
use std::process::Command;

use crate::board::{Board, Qemu, SocketBoard, free_pages, tasks};

/// The numbers behind `pagewalk: harts`, the boot hart first.
#[track_caller]
fn harts_of(text: &str) -> (Vec<u32>, String) {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("pagewalk: harts "))
        .unwrap_or_else(|| panic!("no line of harts in {text}"));
    let (running, left_out) = line.split_once("; ").unwrap_or((line, ""));
    let running = running.replace("(boot)", "");
    let numbers = running
        .split_whitespace()
        .map(|word| word.parse().expect("a number"));
    (numbers.collect(), left_out.trim_end().to_owned())
}

/// Starts programs that never end, and gives their numbers.
#[track_caller]
fn start_spinning(board: &mut Board, count: usize) -> Vec<u32> {
    for _ in 0..count {
        board.run("spin forever &");
    }
    let listed = tasks(&board.run("ps"));
    let spinning: Vec<u32> = listed
        .iter()
        .filter(|task| task.line.contains("spin"))
        .map(|task| task.pid)
        .collect();
    assert_eq!(spinning.len(), count, "{listed:?}");
    spinning
}

#[test]
fn every_hart_of_the_tree_runs_the_kernel_whichever_boots() {
    for machine in Qemu::of_each_width() {
        for _ in 0..3 {
            let board = machine.clone().harts(4).boot();
            let (mut running, left_out) = harts_of(&board.text());
            running.sort_unstable();
            assert_eq!((running, left_out.as_str()), (vec![0, 1, 2, 3], ""));
        }
    }
}

#[test]
fn fewer_harts_run_where_the_arguments_say_so_and_the_others_are_named() {
    let board = Qemu::with_image().harts(4).append("harts=2").boot();
    let (running, left_out) = harts_of(&board.text());
    assert_eq!(running.len(), 2);
    assert!(left_out.starts_with("not used: ") && left_out.matches("(limit)").count() == 2);
    let board = Qemu::with_image().harts(4).append("harts=1").boot();
    assert!(
        !board.text().contains("pagewalk: harts"),
        "one is nothing to name"
    );
}

#[test]
fn programs_that_run_on_other_harts_are_killed_and_all_their_memory_comes_back() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.harts(4).boot();
        board.run("hello");
        let before = free_pages(&board.run("free"));
        for _ in 0..2 {
            for pid in start_spinning(&mut board, 6) {
                board.run(&format!("kill {pid}"));
            }
            // Each is named by the shell when nothing of it is left.
            while tasks(&board.run("ps")).len() > 1 {}
        }
        let audit = board.run("audit");
        assert!(audit.contains("every frame has one owner"), "{audit}");
        assert_eq!(free_pages(&board.run("free")), before);
    }
}

#[test]
fn programs_fault_map_and_share_on_four_harts_at_once() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.harts(4).boot();
        start_spinning(&mut board, 1);
        for turn in 0..2 {
            // They run meanwhile; what they say comes between the others' lines.
            board.run(&format!("hostile 1000 {turn} &"));
            board.run("touch_test 400 &");
            board.run("alloc_test &");
            for (program, well) in [
                ("map_test", "62 checks hold, 0 do not"),
                ("spawn_test 4 touch_test 40", "4 of 4 ended with status 0"),
            ] {
                let said = board.run(program);
                assert!(said.contains(well), "{program}: {said}");
            }
        }
        let audit = board.run("audit");
        assert!(audit.contains("every frame has one owner"), "{audit}");
    }
}

#[test]
fn ps_of_the_host_says_which_hart_runs_each_thread_and_whose_it_is() {
    let board = SocketBoard::boot(&["-smp", "4"]);
    let mut terminal = board.terminal();
    for _ in 0..2 {
        terminal.run("spin forever &");
    }
    drop(terminal);
    let line = format!("unix:{}", board.line().display());
    // A thread that has just been started may not have its hart yet.
    let harts = loop {
        let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["ps", "--from", &line, "--format", "csv"])
            .output()
            .expect("pagewalk starts");
        let said = String::from_utf8(output.stdout).expect("text");
        let rows: Vec<Vec<&str>> = said.lines().map(|row| row.split(',').collect()).collect();
        assert_eq!(rows[0][7..], ["process", "hart"], "{said}");
        let spinning: Vec<_> = rows
            .iter()
            .filter(|row| row[6].starts_with("spin"))
            .collect();
        assert_eq!(spinning.len(), 2, "{said}");
        assert!(spinning.iter().all(|row| row[7] == row[0]), "{said}");
        let harts: HashSet<String> = spinning.iter().map(|row| row[8].to_owned()).collect();
        if !harts.contains("") {
            break harts;
        }
    };
    assert_eq!(harts.len(), 2, "each on its own: {harts:?}");
    let numbers = harts.iter().map(|hart| hart.parse::<u32>());
    assert!(numbers.flatten().filter(|hart| *hart < 4).count() == 2);
}
