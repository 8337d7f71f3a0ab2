//! The kernel on several harts, as a user of its prompt sees it.

use std::collections::HashSet;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::board::{Board, Qemu, SocketBoard, built, free_pages, tasks};
use crate::gdb::gdb;
use crate::plugin::between;

/// Time after which a look is given up.
const PATIENCE: Duration = Duration::from_secs(150);

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

/// Looks until something is there.
#[track_caller]
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time");
    }
}

/// Starts programs that never end, and gives their numbers.
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
            until(|| (tasks(&board.run("ps")).len() == 1).then_some(()));
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

/// A board with four harts whose line is free, and programs that never end.
#[track_caller]
fn on_a_socket(programs: usize) -> SocketBoard {
    let board = SocketBoard::boot(&["-smp", "4"]);
    let mut terminal = board.terminal();
    for _ in 0..programs {
        terminal.run("spin forever &");
    }
    // One that has just been started may not have its hart yet. The shell has one while it answers.
    let running = |said: &str| {
        hart_rows(said)
            .iter()
            .filter(|row| row[2] == "running")
            .count()
    };
    let busy = (programs + 1).min(4);
    until(|| (running(&terminal.run("harts")) >= busy).then_some(()));
    board
}

#[test]
fn ps_of_the_host_says_which_hart_runs_each_thread_and_whose_it_is() {
    let board = on_a_socket(2);
    let line = format!("unix:{}", board.line().display());
    // A thread that has just been started may not have its hart yet.
    let harts = until(|| {
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
        (!harts.contains("")).then_some(harts)
    });
    assert_eq!(harts.len(), 2, "each on its own: {harts:?}");
    let numbers = harts.iter().map(|hart| hart.parse::<u32>());
    assert!(numbers.flatten().filter(|hart| *hart < 4).count() == 2);
}

/// Rows of `harts`, word by word.
fn hart_rows(said: &str) -> Vec<Vec<String>> {
    let rows = said.lines().skip(1).map(|row| row.split_whitespace());
    rows.map(|row| row.map(str::to_owned).collect()).collect()
}

#[test]
fn harts_at_the_prompt_says_what_each_does_and_counts() {
    for machine in Qemu::of_each_width() {
        let mut board = machine.clone().harts(4).boot();
        let spinning = start_spinning(&mut board, 2);
        // A program that has just been started may not have its hart yet.
        let rows = until(|| {
            let rows = hart_rows(&board.run("harts"));
            let running = rows.iter().filter(|row| row[2] == "running").count();
            (running == 3).then_some(rows)
        });
        let mut ids: Vec<&str> = rows.iter().map(|row| &*row[1]).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["0", "1", "2", "3"], "{rows:?}");
        for row in &rows {
            let number = |at: usize| row[at].parse::<u64>().expect("a number");
            assert_eq!(row[0], row[1], "as in records of faults");
            assert!(number(4) > 1000, "instructions: {row:?}");
            let [traps, lock, contended] = [6, 7, 8].map(number);
            assert!(traps < lock && contended <= lock, "{row:?}");
        }
        let running = |pid: &u32| rows.iter().any(|row| row[3] == pid.to_string());
        assert!(spinning.iter().all(running), "{rows:?}");
        for pid in spinning {
            board.run(&format!("kill {pid}"));
        }
        let let_go = hart_rows(&board.run("harts"));
        let let_go = let_go.iter().map(|row| row[10].parse::<u64>());
        assert_eq!(let_go.map(Result::unwrap_or_default).sum::<u64>(), 2);
        let objects = board.run("harts json");
        let objects: Vec<serde_json::Value> = objects
            .lines()
            .map(|line| serde_json::from_str(line).expect("an object"))
            .collect();
        assert_eq!(objects.len(), 4);
        assert!(objects.iter().all(|hart| hart["lock"].as_u64() > Some(0)));
        // One is shown too, with what can be counted of it for nothing.
        let rows = hart_rows(&machine.harts(1).boot().run("harts"));
        assert_eq!((rows.len(), &*rows[0][2]), (1, "running"), "{rows:?}");
        assert!(rows[0][6].parse::<u64>().expect("traps") > 0);
    }
}

/// The harts that threads of `spin` were on, from `info threads`.
fn spinning_in(said: &str) -> Vec<&str> {
    let lines = said.lines().filter(|line| line.contains("(spin"));
    let lines = lines.filter_map(|line| line.split_once("[ready] on hart "));
    lines.map(|(_, rest)| &rest[..1]).collect()
}

#[test]
fn all_harts_stop_for_gdb_and_one_thread_steps_while_the_others_stand() {
    let board = on_a_socket(3);
    let spin = built("board-side/riscv64gc-unknown-none-elf/board/spin");
    let places = "thread apply all -q p/x $pc";
    let commands = [
        "echo <threads>\\n",
        "info threads",
        "echo </threads>\\n",
        "set scheduler-locking on",
        "echo <before>\\n",
        places,
        "echo </before>\\n",
        "stepi",
        "echo <after>\\n",
        places,
        "echo </after>\\n",
        "set scheduler-locking off",
        "break *$pc",
        "continue",
        "continue",
        "continue",
        "continue",
        "delete",
        "detach",
    ];
    let said = gdb(&board, Some(&spin), &commands);
    let mut harts = spinning_in(between(&said, "threads"));
    harts.sort_unstable();
    harts.dedup();
    assert_eq!(harts.len(), 3, "each on its own: {said}");
    let places = |mark| -> Vec<&str> {
        let lines = between(&said, mark).lines();
        lines
            .filter_map(|line| line.split_once("= ").map(|it| it.1))
            .collect()
    };
    let (before, after) = (places("before"), places("after"));
    assert_eq!((before.len(), after.len()), (4, 4), "{said}");
    let moved = before
        .iter()
        .zip(&after)
        .filter(|(one, other)| one != other);
    assert_eq!(moved.count(), 1, "one of four: {said}");
    assert_eq!(said.matches("hit Breakpoint 1").count(), 4, "{said}");
    let listed = board.terminal().run("ps");
    assert_eq!(listed.matches("spin").count(), 3, "{listed}");
}

#[test]
fn a_hart_that_crashes_says_which_it_is_and_the_others_stand() {
    // One for each hart: one without a program would not trap.
    let board = on_a_socket(4);
    let kernel = built("board-side/riscv64gc-unknown-none-elf/board/kernel");
    // Its next trap finds no stack.
    let break_it = "set {unsigned long}((char*)&boot_hart + 8) = 16";
    let said = gdb(&board, Some(&kernel), &[break_it, "continue", "detach"]);
    assert!(
        said.contains("kernel fault: Store/AMO page fault"),
        "{said}"
    );
    let hart = said
        .split_once("  hart ")
        .and_then(|(_, rest)| rest.split_once("; the others stand"));
    let hart = hart.and_then(|(hart, _)| hart.parse::<u32>().ok());
    assert!(hart.is_some_and(|hart| hart < 4), "{said}");
    let said = gdb(&board, Some(&kernel), &["info threads", "detach"]);
    assert!(said.contains("(the kernel [crashed])"), "{said}");
}
