//! A running board asked over its line: the agent returns what the machine contains.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use crate::board::SocketBoard;
use crate::host::pagewalk;
use crate::tools::path;

/// Has the emulator itself write guest memory into a file.
#[track_caller]
fn save_memory(monitor: &Path, into: &Path) {
    let mut monitor = UnixStream::connect(monitor).expect("QEMU's monitor");
    let command = format!(
        "stop\npmemsave 0x80000000 0x8000000 \"{}\"\ncont\nquit_not\n",
        path(into)
    );
    monitor.write_all(command.as_bytes()).expect("a command");
    let mut said = String::new();
    let mut piece = [0; 4096];
    // It complains of the last line, when all before it is done.
    while !said.contains("unknown command: 'quit_not'") {
        let count = monitor.read(&mut piece).expect("QEMU's monitor");
        assert!(count > 0, "{said}");
        said += &String::from_utf8_lossy(&piece[..count]);
    }
}

#[test]
fn maps_through_the_agent_are_those_of_the_memory_itself() {
    the_agent_tells_what_memory_holds("64", SocketBoard::boot);
    the_agent_tells_what_memory_holds("32", SocketBoard::boot_of_32_bits);
}

fn the_agent_tells_what_memory_holds(xlen: &str, boot: impl Fn(&[&str]) -> SocketBoard) {
    let folder = tempfile::tempdir().expect("a folder");
    let monitor = folder.path().join("monitor");
    let ram = folder.path().join("ram");
    let argument = format!("unix:{},server=on,wait=off", path(&monitor));
    let board = boot(&["-monitor", &argument]);
    let mut terminal = board.terminal();
    terminal.run("spin forever 4194304 &");
    terminal.run("touch_test 40");
    drop(terminal);
    let line = format!("unix:{}", path(&board.line()));

    let tasks = pagewalk(&["ps", "--from", &line, "--format", "csv"]);
    let spin = tasks
        .lines()
        .find(|task| task.contains("spin"))
        .expect("spin");
    let fields: Vec<&str> = spin.split(',').collect();
    let (pid, satp) = (fields[0], fields[2]);
    let kernel = pagewalk(&["satp", "--from", &line, "--format", "csv"]);
    assert!(kernel.contains("MODE"), "{kernel}");

    let by_agent = pagewalk(&["map", "--from", &line, "--task", pid, "--format", "json"]);
    save_memory(&monitor, &ram);
    let raw = format!("{}@0x80000000", path(&ram));
    let dump = ["--mem", &raw, "--satp", satp, "--xlen", xlen];
    let by_dump = pagewalk(&[&["map", "--format", "json"], &dump[..]].concat());
    assert_eq!(by_agent, by_dump);
    assert!(
        by_agent.contains("r-xu-a-") || by_agent.contains("\"perms\""),
        "{by_agent}"
    );

    let walk = |from: &[&str]| pagewalk(&[&["walk", "0x10000", "--format", "json"], from].concat());
    assert_eq!(walk(&["--from", &line, "--task", pid]), walk(&dump));
    // The line is a terminal's again, and all that was printed meanwhile is still to come.
    assert_eq!(board.terminal().run("hello"), "hello, world\n");
}

/// Which column of `faults --format csv` is the record's number.
const SEQ: usize = 1;

#[test]
fn faults_since_a_number_are_those_that_the_shell_lists() {
    let board = SocketBoard::boot(&[]);
    board.terminal().run("touch_test 300");
    let line = format!("unix:{}", path(&board.line()));
    let all = pagewalk(&["faults", "--from", &line, "--format", "csv"]);
    let numbers: Vec<u64> = all
        .lines()
        .skip(1)
        .filter_map(|row| row.split(',').nth(SEQ)?.parse().ok())
        .collect();
    assert!(numbers.len() > 300, "{}", numbers.len());
    assert!(numbers.iter().zip(0..).all(|(number, n)| *number == n));
    let since = pagewalk(&[
        "faults", "--from", &line, "--since", "200", "--format", "csv",
    ]);
    assert_eq!(since.lines().count() - 1, numbers.len() - 200);
    let told = board.terminal().run("faults");
    assert!(
        told.contains(&format!("{} faults, 0 forgotten", numbers.len())),
        "{told}"
    );
}

#[test]
fn what_is_no_board_is_said_in_a_sentence() {
    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(arguments)
            .output()
            .expect("pagewalk starts");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).expect("text")
    };
    let said = refused(&["ps", "--from", "/dev/ttyUSB0"]);
    assert!(
        said.contains("without a baud: write /dev/ttyUSB0@2000000"),
        "{said}"
    );
    let said = refused(&["ps", "--from", "unix:/nonexistent/line"]);
    assert!(
        said.contains("unix:/nonexistent/line: No such file"),
        "{said}"
    );
    let said = refused(&["ps", "--from", "qemu:/nonexistent/Image"]);
    assert!(said.contains("run `just build` first"), "{said}");
    let board = SocketBoard::boot(&[]);
    let line = format!("unix:{}", path(&board.line()));
    let said = refused(&["satp", "--from", &line, "--task", "99"]);
    assert!(
        said.contains("the board has no task 99; it has 1"),
        "{said}"
    );
}
