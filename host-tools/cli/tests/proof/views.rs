//! Forty faults, once and in order, in every view there is: live and replayed.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::board::{PROMPT, Screen, SocketBoard};
use crate::connect::{Connection, ask};
use crate::host::pagewalk;
use crate::tools::path;

const PAGES: u64 = 40;
/// Where `touch_test` is given its memory.
const FIRST: u64 = 0x20_0000_0000;

/// Addresses of `touch_test`'s pages, as they stand in a text, in its order.
fn touched(text: &str) -> Vec<u64> {
    let hex = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let addresses = words.filter_map(hex);
    addresses
        .filter(|it| (FIRST..FIRST + 2 * PAGES * 4096).contains(it))
        .collect()
}

fn wanted() -> Vec<u64> {
    (0..PAGES).map(|page| FIRST + page * 4096).collect()
}

#[test]
fn each_fault_is_in_every_view_once_and_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("run.pwlog");
    let board = SocketBoard::boot(&[]);
    let connection = Connection::to(&board, &record);
    // A viewer is connected meanwhile.
    let mut screen = Screen::run(&["dash", &connection.hosts], ".", 200, 60);
    screen.until("sh");
    let mut console = File::options()
        .read(true)
        .write(true)
        .open(&connection.console)
        .expect("the terminal");
    let said = ask(&mut console, "touch_test 40\r", PROMPT);
    assert!(said.contains("40 pages"), "{said}");
    let last = format!("{:#x}", FIRST + (PAGES - 1) * 4096);
    screen.until(&last);
    // The task ends with one more fault, or the screen is in the middle of a drawing.
    screen.until("2 Load page fault");
    screen.until_that("forty addresses in order", |text| touched(text) == wanted());
    screen.until("0 lost");

    // Asked afterwards, the board answers the same.
    let asked = connection.pagewalk(&["faults", "--format", "csv"]);
    assert_eq!(touched(&asked), wanted(), "{asked}");
    screen.press(b"q");
    screen.end();
    // The shell waits for keys: what is asked of it now is so later.
    let tables = ["map", "--task", "1", "--format", "csv"];
    let mapped = connection.pagewalk(&tables);
    assert!(mapped.lines().count() > 10, "{mapped}");
    let walk = ["walk", "0x10000", "--task", "1"];
    let walked = connection.pagewalk(&walk);
    let satp = connection.pagewalk(&["satp"]);
    let tasks = connection.pagewalk(&["ps"]);
    drop(connection);

    // What was answered is in the recording too.
    let name = path(&record);
    let told = |arguments: &[&str]| pagewalk(&[arguments, &["--from", name]].concat());
    assert_eq!(told(&tables), mapped);
    assert_eq!(told(&walk), walked);
    assert_eq!(told(&["satp"]), satp);
    assert_eq!(told(&["ps"]), tasks);

    // And so does the recording, in a table, in lines, and on a screen.
    let table = pagewalk(&["faults", name, "--format", "csv"]);
    assert_eq!(touched(&table), wanted(), "{table}");
    for lines in [
        pagewalk(&["replay", name, "--speed", "max"]),
        pagewalk(&["dash", &format!("{name}@max")]),
    ] {
        assert_eq!(touched(&lines), wanted(), "{lines}");
    }
    let mut screen = Screen::run(&["dash", &format!("{name}@max")], ".", 200, 60);
    screen.until("the line has ended");
    // The tasks and page tables that the board answered to the recorder are the screen's, too.
    screen.until_that("the shell among the tasks", |text| {
        let rows = text.lines().filter(|line| line.contains("KiB"));
        rows.into_iter()
            .any(|line| line.contains("reading") && line.contains("sh"))
    });
    screen.until(&last);
    screen.until_that("forty addresses in order", |text| touched(text) == wanted());
}

#[test]
fn a_recorder_asks_and_leaves_the_line_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("run.pwlog");
    let name = path(&record);
    let board = SocketBoard::boot(&[]);
    board.terminal().run("spin forever 1048576 &");
    let recorder = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["record", &format!("unix:{}", path(&board.line())), name])
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    // It has asked for tasks, and then for the tables of each in turn.
    let deadline = Instant::now() + Duration::from_secs(150);
    let map = || {
        let arguments = ["map", "--task", "2", "--from", name, "--format", "csv"];
        let map = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(arguments)
            .output();
        String::from_utf8(map.expect("pagewalk starts").stdout).expect("text")
    };
    while !map().contains("0x3fffffe000") {
        assert!(Instant::now() < deadline, "{}", map());
    }
    let number = recorder.id().to_string();
    let ended = Command::new("kill").args(["-INT", &number]).status();
    assert!(ended.expect("kill").success());
    let ended = recorder.wait_with_output().expect("a program");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && said.contains("0 lost"), "{said}");
    assert_eq!(board.terminal().run("hello"), "hello, world\n");
    assert!(pagewalk(&["ps", "--from", name]).contains("spin forever 1048576"));
}

#[test]
fn what_is_only_listened_to_is_recorded_and_shown_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("nuttx.pwlog");
    let captures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures");
    let log = std::fs::read(format!("{captures}/nuttx-stack_test.txt")).expect("a log");
    // A board that is not ours: it prints its log, and then the line ends.
    let line = TcpListener::bind("127.0.0.1:0").expect("a port");
    let spec = format!("tcp://{}", line.local_addr().expect("a port"));
    let told = log.clone();
    let board = thread::spawn(move || {
        let (mut stream, _) = line.accept().expect("a listener");
        stream.write_all(&told).expect("it listens");
        stream.shutdown(Shutdown::Write).expect("it listens");
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("it listens");
        heard
    });
    let name = path(&record);
    pagewalk(&["record", &spec, name, "--silent", "--once"]);
    assert!(
        board.join().expect("a board").is_empty(),
        "nothing was said to it"
    );
    let by_file = pagewalk(&[
        "faults",
        &format!("{captures}/nuttx-stack_test.txt"),
        "--format",
        "csv",
    ]);
    assert!(by_file.lines().count() > 3, "{by_file}");
    assert_eq!(pagewalk(&["faults", name, "--format", "csv"]), by_file);
    let lines = pagewalk(&["replay", name, "--speed", "max"]);
    let shown = lines
        .lines()
        .filter(|it| it.contains("page fault") && it.contains(" by 0x"));
    assert_eq!(shown.count(), by_file.lines().count() - 1, "{lines}");
}
