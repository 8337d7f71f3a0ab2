//! `pagewalk connect`: gdb, a terminal and several commands on one line at once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::board::{PROMPT, Screen, SocketBoard, built};
use crate::host::PATIENT;
use crate::tools::path;

/// A hub on a board's line.
pub struct Connection {
    hub: Child,
    /// Where gdb finds the board.
    pub gdb: String,
    /// Where the console's terminal is.
    pub console: PathBuf,
    /// What `--from` takes.
    pub hosts: String,
}

impl Connection {
    #[track_caller]
    pub fn to(board: &SocketBoard, record: &Path) -> Connection {
        let line = format!("unix:{}", path(&board.line()));
        Connection::on(&line, &["--record", path(record)])
    }

    #[track_caller]
    fn on(line: &str, arguments: &[&str]) -> Connection {
        let mut hub = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["connect", line, "--gdb-port", "0", "--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .expect("pagewalk starts");
        let stdout = hub.stdout.take().expect("stdout was piped");
        let mut lines = BufReader::new(stdout).lines();
        let mut last_word = || {
            let line = lines.next().expect("three lines").expect("text");
            line.rsplit(' ').next().expect("a word").to_owned()
        };
        let (gdb, console, hosts) = (last_word(), last_word(), last_word());
        Connection {
            hub,
            gdb,
            console: console.into(),
            hosts,
        }
    }

    #[track_caller]
    pub fn pagewalk(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(arguments)
            .args(["--from", &self.hosts])
            .output()
            .expect("pagewalk starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("text")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // As Ctrl-C would end it: the session ends, and the board's line is plain again.
        let hub = self.hub.id().to_string();
        let _ = Command::new("kill").arg(hub).status();
        let _ = self.hub.wait();
    }
}

/// Types a command and waits until `end` has come after it.
#[track_caller]
pub fn ask(console: &mut File, command: &str, end: &str) -> String {
    console.write_all(command.as_bytes()).expect("keys");
    let deadline = Instant::now() + Duration::from_secs(150);
    let mut said = Vec::new();
    loop {
        assert!(
            Instant::now() < deadline,
            "{}",
            String::from_utf8_lossy(&said)
        );
        let mut piece = [0; 1024];
        let count = console.read(&mut piece).expect("text");
        said.extend(&piece[..count]);
        let text = String::from_utf8_lossy(&said);
        let after_echo = text.split_once('\n').map_or("", |(_, after)| after);
        if after_echo.contains(end) {
            return after_echo.to_owned();
        }
    }
}

#[test]
fn a_recording_is_shared_as_a_line_is() {
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures/run.pwlog@max");
    let connection = Connection::on(recording, &[]);
    // Two clients, each of which receives all of it, whenever it connects.
    let mut screens = [(); 2].map(|()| Screen::run(&["dash", &connection.hosts], ".", 120, 40));
    for screen in &mut screens {
        screen.until("107 faults, 0 lost");
    }
    let asked = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["ps", "--from", &connection.hosts])
        .output()
        .expect("pagewalk starts");
    let complaint = String::from_utf8_lossy(&asked.stderr);
    assert!(
        complaint.contains("the board answered with an error"),
        "{complaint}"
    );
    let port = connection.gdb.rsplit(':').next().expect("a port");
    let port = port.parse::<u16>().expect("a port");
    let mut gdb = TcpStream::connect(("127.0.0.1", port)).expect("the port");
    assert!(matches!(gdb.read(&mut [0]), Ok(0)), "no gdb on a recording");
}

#[test]
fn gdb_a_terminal_and_commands_share_a_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = folder.path().join("line.bin");
    let board = SocketBoard::boot(&[]);
    let connection = Connection::to(&board, &record);
    // Answers once the session stands.
    assert!(connection.pagewalk(&["ps"]).contains("sh"));

    let mut console = File::options()
        .read(true)
        .write(true)
        .open(&connection.console)
        .expect("the terminal");
    ask(&mut console, "spin &\r", PROMPT);
    assert!(ask(&mut console, "touch_test 200\r", PROMPT).contains("200 pages"));

    // Two at once, while gdb is attached and the kernel stands still.
    let mut gdb = Command::new("timeout")
        .args(["120", "gdb-multiarch", "-nx", "-q"])
        .arg(built("board-side/riscv64gc-unknown-none-elf/board/spin"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gdb-multiarch; run `./setup --tests`");
    let mut keys = gdb.stdin.take().expect("stdin was piped");
    let mut said = BufReader::new(gdb.stdout.take().expect("stdout was piped"));
    let mut until = |keys: &mut std::process::ChildStdin, command: &str, mark: &str| {
        writeln!(keys, "{command}\necho {mark}\\n").expect("gdb reads");
        let mut text = String::new();
        while !text.contains(&format!("{mark}\n")) {
            assert!(said.read_line(&mut text).expect("gdb speaks") > 0, "{text}");
        }
        text
    };
    let attach = format!(
        "{PATIENT}\nset pagination off\nset confirm off\ntarget remote {}",
        connection.gdb
    );
    until(&mut keys, &attach, "attached");
    let stopped = std::thread::scope(|scope| {
        let map = scope.spawn(|| connection.pagewalk(&["map", "--task", "2"]));
        let tasks = scope.spawn(|| connection.pagewalk(&["ps"]));
        (map.join().expect("a map"), tasks.join().expect("tasks"))
    });
    assert!(stopped.0.contains("r-xu-a-") && stopped.1.contains("spin"));
    let threads = until(
        &mut keys,
        "info threads\nbreak *$pc\ncontinue\nstepi",
        "stepped",
    );
    assert!(threads.contains("(spin [ready])"), "{threads}");
    assert!(threads.contains("hit Breakpoint 1"), "{threads}");
    let gone = until(&mut keys, "delete\ndetach", "detached");
    assert!(gone.contains("detached"), "{gone}");
    drop(keys);
    gdb.wait().expect("gdb ends");

    assert!(ask(&mut console, "hello\r", PROMPT).contains("hello, world"));
    // Every fault was recorded, once: the recording is an input like any other.
    let live = connection.pagewalk(&["faults", "--format", "csv"]);
    drop(connection);
    let recorded = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["faults", "--format", "csv", path(&record)])
        .output()
        .expect("pagewalk starts");
    let recorded = String::from_utf8(recorded.stdout).expect("text");
    assert!(live.lines().count() > 200);
    assert_eq!(live, recorded);
}

#[test]
fn a_gdb_that_is_killed_leaves_the_board_running() {
    let folder = tempfile::tempdir().expect("a folder");
    let board = SocketBoard::boot(&[]);
    let connection = Connection::to(&board, &folder.path().join("line.bin"));
    let attach = format!("target remote {}", connection.gdb);
    let mut gdb = Command::new("gdb-multiarch")
        .args(["-nx", "-q", "-ex", PATIENT, "-ex", &attach])
        .args(["-ex", "echo here\\n"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("gdb-multiarch; run `./setup --tests`");
    let mut said = BufReader::new(gdb.stdout.take().expect("stdout was piped")).lines();
    assert!(said.any(|line| line.is_ok_and(|line| line.contains("here"))));
    gdb.kill().expect("gdb is there");
    gdb.wait().expect("gdb ends");
    let mut console = File::options()
        .read(true)
        .write(true)
        .open(&connection.console)
        .expect("the terminal");
    assert!(ask(&mut console, "hello\r", PROMPT).contains("hello, world"));
}
