//! gdb as anybody has it, on the bare serial line: nothing of ours on the host.

use std::path::Path;
use std::process::Command;

use crate::board::{PROMPT, SocketBoard, built};
use crate::connect::Connection;
use crate::host::PATIENT;
use crate::tools::path;

/// What gdb says to these commands, in one session on the line.
#[track_caller]
pub fn gdb(board: &SocketBoard, symbols: Option<&Path>, commands: &[&str]) -> String {
    gdb_at(path(&board.line()), symbols, commands)
}

/// The same on the bare line, and then through `pagewalk connect`.
#[track_caller]
fn both_ways(board: &SocketBoard, symbols: &Path, commands: &[&str]) -> [String; 2] {
    [
        gdb(board, Some(symbols), commands),
        connected(board, symbols, commands),
    ]
}

#[track_caller]
fn connected(board: &SocketBoard, symbols: &Path, commands: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let connection = Connection::to(board, &folder.path().join("line.bin"));
    // Answers once the session stands.
    connection.pagewalk(&["ps"]);
    let said = gdb_at(&connection.gdb, Some(symbols), commands);
    // It is answered when the board has received the end of gdb.
    connection.pagewalk(&["ps"]);
    said
}

#[track_caller]
fn gdb_at(target: &str, symbols: Option<&Path>, commands: &[&str]) -> String {
    // What the kernel answers to `monitor` comes out on gdb's standard error.
    let mut gdb = Command::new("sh");
    gdb.args(["-c", "exec timeout 120 gdb-multiarch \"$@\" 2>&1", "gdb"]);
    gdb.args(["-nx", "-batch"]);
    let attach = format!("target remote {target}");
    let first = [PATIENT, "set pagination off", "set confirm off", &attach];
    for command in first.iter().chain(commands) {
        gdb.args(["-ex", command]);
    }
    if let Some(symbols) = symbols {
        gdb.arg(symbols);
    }
    let output = gdb.output().expect("gdb-multiarch; run `./setup --tests`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{}: {said}", output.status);
    said
}

fn program(name: &str) -> std::path::PathBuf {
    built(&format!(
        "board-side/riscv64gc-unknown-none-elf/board/{name}"
    ))
}

/// The part of what gdb said between two words that `echo` printed.
#[track_caller]
fn between<'a>(said: &'a str, from: &str, to: &str) -> &'a str {
    let begin = said.find(from).unwrap_or_else(|| panic!("{from}: {said}")) + from.len();
    let length = said[begin..]
        .find(to)
        .unwrap_or_else(|| panic!("{to}: {said}"));
    &said[begin..begin + length]
}

#[test]
fn attaches_to_a_running_kernel_and_leaves_it_running() {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("spin &");
    let said = gdb(
        &board,
        None,
        &[
            "info threads",
            "info registers satp sstatus priv stvec fcsr",
            "monitor ps",
            "monitor satp",
            "monitor free",
            "monitor faults 2",
            "monitor no_such",
            "detach",
        ],
    );
    assert!(said.contains("Thread 1.1 (sh ["), "{said}");
    assert!(said.contains("Thread 1.2 (spin [ready])"), "{said}");
    assert!(said.contains("[User/Application]"), "{said}");
    assert!(said.contains("stvec          <unavailable>"), "{said}");
    assert!(said.contains("PID  PPID STATE"), "{said}");
    assert!(said.contains("Sv39, root 0x"), "{said}");
    assert!(said.contains("`no_such` is not known here"), "{said}");
    let satp = said
        .lines()
        .find_map(|line| line.strip_prefix("satp "))
        .and_then(|rest| rest.split_whitespace().next())
        .expect("a satp");
    assert!(
        said.contains(&format!("satp {}: Sv39", &satp[2..])),
        "register and monitor agree: {said}"
    );
    let mut terminal = board.terminal();
    let tasks = terminal.run("ps");
    assert!(tasks.contains("spin"), "{tasks}");
    assert_eq!(terminal.run("hello"), "hello, world\n");
}

#[test]
fn interrupts_and_steps_and_holds_the_others() {
    let board = SocketBoard::boot(&[]);
    let mut terminal = board.terminal();
    terminal.run("spin &");
    terminal.run("spin &");
    drop(terminal);
    for said in both_ways(
        &board,
        &program("spin"),
        &[
            "thread find spin .ready.",
            "thread 1",
            "echo from\\n",
            "p/x $pc",
            "stepi",
            "p/x $pc",
            "stepi",
            "p/x $pc",
            "echo to\\n",
            "set scheduler-locking on",
            "p $other = 0",
            "stepi 50",
            "set scheduler-locking off",
            "detach",
        ],
    ) {
        let places: Vec<&str> = between(&said, "from\n", "to\n")
            .lines()
            .filter_map(|line| line.strip_prefix('$')?.split("= ").nth(1))
            .collect();
        assert_eq!(places.len(), 3, "{said}");
        assert!(
            places[0] != places[1] && places[0] == places[2],
            "a loop of two: {said}"
        );
    }
    assert!(board.terminal().run("ps").matches("spin").count() == 2);
}

#[test]
fn a_breakpoint_is_its_programs_and_nobody_elses() {
    let board = SocketBoard::boot(&[]);
    let mut terminal = board.terminal();
    terminal.run("spin &");
    drop(terminal);
    for said in both_ways(
        &board,
        &program("spin"),
        &[
            "stepi",
            "break *$pc",
            "continue",
            "bt 1",
            "continue",
            "info threads",
            "x/i $pc",
            "delete",
            "detach",
        ],
    ) {
        assert_eq!(said.matches("hit Breakpoint 1").count(), 2, "{said}");
        assert!(said.contains("=> 0x"), "{said}");
        assert!(!said.contains("ebreak"), "breakpoints are hidden: {said}");
    }
    // The shell ran all the while, from the same addresses, and nothing is left behind.
    let mut terminal = board.terminal();
    assert_eq!(terminal.run("hello"), "hello, world\n");
    let tasks = terminal.run("ps");
    assert!(tasks.contains("spin"), "{tasks}");
    terminal.run("kill 2");
    assert!(!terminal.run("ps").contains("spin"));
}

#[test]
fn a_step_over_a_page_fault_is_one_step() {
    // The program does not survive what is done to it: each way has a board of its own.
    for is_connected in [false, true] {
        let board = SocketBoard::boot(&[]);
        board.terminal().run("spin &");
        let commands = [
            // The expressions are C's, and the program is Rust.
            "set language c",
            // The first instructions of a function: make room on the stack, store to it.
            "set $sp = (long)$sp - 0x8000",
            "set $pc = program",
            "p/x $sp",
            "stepi",
            "echo store\n",
            "x/i $pc",
            "stepi",
            "echo after\n",
            "x/i $pc",
            "monitor faults 1",
            "detach",
        ];
        let spin = program("spin");
        let said = if is_connected {
            connected(&board, &spin, &commands)
        } else {
            gdb(&board, Some(&spin), &commands)
        };
        assert!(between(&said, "store\n", "after").contains("sd"), "{said}");
        let last = said[said.find("after").unwrap()..].to_owned();
        assert!(last.contains("write"), "{said}");
        assert!(last.contains("stack grown"), "{said}");
        // What becomes of a program that was sent to its beginning is its own affair; the console
        // lives.
        let said = board.terminal().run("hello");
        assert!(said.contains("hello, world"), "{said}");
    }
}

#[test]
fn looking_at_four_mib_that_are_not_there_brings_nothing_in() {
    let board = SocketBoard::boot(&[]);
    let told = board.terminal().run("spin forever 4194304 &");
    let mut terminal = board.terminal();
    // The program says where its memory is once it runs.
    let told = if told.contains(" at 0x") {
        told
    } else {
        terminal.run("ps") + &terminal.run("hello")
    };
    drop(terminal);
    let at = told
        .split("bytes at ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next())
        .unwrap_or_else(|| panic!("{told}"))
        .to_owned();
    let folder = tempfile::tempdir().expect("a folder");
    let dump = folder.path().join("dump");
    let read = format!("dump binary memory {} {at} {at}+4194304", path(&dump));
    let said = gdb(
        &board,
        None,
        &[
            "thread 1",
            "monitor pt",
            "monitor free",
            "echo read\\n",
            &read,
            "monitor pt",
            "monitor free",
            "echo done\\n",
            "detach",
        ],
    );
    let bytes = std::fs::read(&dump).expect("what gdb read");
    assert_eq!(bytes.len(), 4 << 20);
    assert!(bytes.iter().all(|byte| *byte == 0));
    let (before, after) = said.split_once("read\n").expect("both halves");
    let after = after.split("done\n").next().unwrap_or_default();
    assert!(after.lines().count() > 8, "{said}");
    assert!(before.ends_with(after), "looking changed the map: {said}");
}

#[test]
fn what_a_task_dies_of_is_seen_before_it_dies() {
    let board = SocketBoard::boot(&[]);
    let mut terminal = board.terminal();
    terminal.run("spin &");
    terminal.run("spin &");
    drop(terminal);
    let said = gdb(
        &board,
        Some(&program("spin")),
        &[
            "stepi",
            "set $loop = $pc",
            "set $pc = 0",
            "continue",
            "echo seen\\n",
            "p $pc",
            "break *$loop",
            // gdb passes the signal on: the task dies, and the other one comes to the breakpoint.
            "continue",
            "info threads",
            "delete",
            "set $pc = 0",
            "detach",
        ],
    );
    let (before, after) = said.split_once("seen\n").expect("both halves");
    assert!(before.contains("SIGSEGV"), "{said}");
    assert!(after.contains("hit Breakpoint 1"), "{said}");
    assert_eq!(after.matches("(spin [").count(), 1, "{said}");
    // The other one was left to its own death.
    let mut terminal = board.terminal();
    assert!(terminal.run("hello").contains("hello, world"));
    assert!(!terminal.run("ps").contains("spin"));
}

/// The kernel is made to crash by taking away its stack.
#[test]
fn a_crashed_kernel_is_looked_at_from_within() {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("spin &");
    let kernel = program("kernel");
    let break_it = "set {unsigned long}((char*)&boot_hart + 8) = 16";
    let said = gdb(
        &board,
        Some(&kernel),
        &[
            break_it,
            "continue",
            "info threads",
            "p/x $scause",
            "p $priv",
            "bt 2",
            "detach",
        ],
    );
    assert!(
        said.contains("kernel fault: Store/AMO page fault"),
        "{said}"
    );
    assert!(said.contains("(the kernel [crashed])"), "{said}");
    assert!(said.contains("trap_from_user"), "{said}");
    assert!(said.contains("= 0xf"), "{said}");
    let said = gdb(&board, Some(&kernel), &["info threads", "bt 2", "detach"]);
    assert!(said.contains("trap_from_user"), "gdb comes back: {said}");
}

#[test]
fn a_crash_that_nobody_watches_is_reported_and_can_be_looked_at_later() {
    let board = SocketBoard::boot(&["-monitor", "none"]);
    let kernel = program("kernel");
    // The shell waits for a key: the next trap is the one that the key makes.
    gdb(
        &board,
        Some(&kernel),
        &["set {unsigned long}((char*)&boot_hart + 8) = 16", "detach"],
    );
    let mut terminal = board.terminal();
    terminal.send(b"x\r");
    terminal.expect("kernel fault: Store/AMO page fault");
    let report = terminal.expect("target remote on this line");
    assert!(
        report.contains("scause 000000000000000f sepc ffffffff"),
        "{report}"
    );
    drop(terminal);
    let said = gdb(&board, Some(&kernel), &["info threads", "detach"]);
    assert!(said.contains("(the kernel [crashed])"), "{said}");
}

#[test]
fn a_dollar_that_is_typed_comes_back_to_the_shell() {
    let board = SocketBoard::boot(&[]);
    let mut terminal = board.terminal();
    terminal.send(b"hello $x and $y#zz\r");
    terminal.expect("hello, $x\r\n");
    terminal.expect(PROMPT);
    // Alone, it comes back after a moment.
    terminal.send(b"hello $");
    terminal.expect("hello $");
    terminal.send(b"\r");
    terminal.expect("hello, $");
}
