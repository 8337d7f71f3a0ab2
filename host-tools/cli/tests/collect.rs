//! A farm of boards: what is recorded survives, and becomes Parquet that others read.

mod reader;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use abi::Fault;
use link::recording::{Blocks, ReceivedBytes};
use rustix::process::{Pid, Signal, kill_process};
use wire::{BatchWriter, Welcome};

use reader::check;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
/// Nothing here takes time: this is for a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

fn received(recording: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let blocks = Blocks::open(recording).expect("a recording");
    ReceivedBytes::new(blocks)
        .read_to_end(&mut bytes)
        .expect("it is read");
    bytes
}

/// A farm of one board at this port.
fn farm_of(folder: &Path, board: &str, port: u16) {
    let farm = format!(
        "folder = \"farm\"\n[boards.{board}]\nline = \"tcp://127.0.0.1:{port}\"\nsilent = true\n"
    );
    fs::write(folder.join("farm.toml"), farm).expect("a file");
}

#[track_caller]
fn until_recorded(recording: &Path, all: &[u8]) {
    let deadline = Instant::now() + PATIENCE;
    while received(recording) != all {
        assert!(Instant::now() < deadline, "it is not recorded");
        thread::yield_now();
    }
}

fn collect(folder: &Path, words: &[&str]) -> (Child, BufReader<ChildStderr>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .arg("collect")
        .arg("farm.toml")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let stderr = BufReader::new(program.stderr.take().expect("a pipe"));
    (program, stderr)
}

/// The next line on stderr that contains the word.
#[track_caller]
fn line_with(stderr: &mut BufReader<ChildStderr>, word: &str) -> String {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(
            stderr.read_line(&mut line).expect("text") > 0,
            "it ended before {word:?}"
        );
    }
    line
}

#[test]
fn recordings_of_many_boards_become_parquet_with_a_partition_for_each() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let mut farm = "folder = \"farm\"\n".to_owned();
    for board in ["a", "b-2", "c_3"] {
        farm += &format!("[boards.{board}]\nline = \"{TESTS}/captures/run-2.pwlog@max\"\n");
    }
    fs::write(at.join("farm.toml"), farm).expect("a file");
    let (mut program, mut stderr) = collect(at, &[]);
    let end = line_with(&mut stderr, "of Parquet");
    assert!(program.wait().expect("an end").success());
    assert!(
        end.contains("321 faults, 0 lost; 3 files of Parquet"),
        "{end}"
    );
    let counted = check(at, &["count", "farm/parquet", "321"]);
    // Three causes of three boards.
    assert!(counted.starts_with("9 rows"), "{counted}");
    // A farm that starts again has nothing to make; without the folder of Parquet it makes it again.
    fs::remove_dir_all(at.join("farm/parquet")).expect("a folder");
    let (mut program, mut stderr) = collect(at, &[]);
    line_with(&mut stderr, "6 files of Parquet");
    assert!(program.wait().expect("an end").success());
    check(at, &["count", "farm/parquet", "642"]);
}

#[test]
fn a_killed_collector_has_what_it_received_and_goes_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let sent = received(Path::new(&format!("{TESTS}/captures/run-2.pwlog")));
    let board = sent.clone();
    // A board that sends all it has, and stays.
    let _board = thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming().flatten() {
            let mut stream: TcpStream = stream;
            let _ = stream.write_all(&board);
            open.push(stream);
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    farm_of(at, "one", port);
    let (mut program, mut stderr) = collect(at, &["--metrics", "127.0.0.1:0"]);
    let line = line_with(&mut stderr, "metrics at http://");
    let address = line
        .split("http://")
        .nth(1)
        .and_then(|rest| rest.split('/').next());
    let address = address.expect("an address").to_owned();
    let scrape = || {
        let mut stream = TcpStream::connect(&address).expect("a server");
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            .expect("it is sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        fs::write(at.join("metrics"), body).expect("a file");
        check(at, &["metrics", "metrics"])
    };
    let deadline = Instant::now() + PATIENCE;
    let sum = |text: &str| -> u64 {
        let faults = text
            .lines()
            .filter(|line| line.starts_with("pagewalk_faults_total one "));
        faults
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    };
    let mut seen = scrape();
    while sum(&seen) < 107 {
        assert!(Instant::now() < deadline, "{seen}");
        seen = scrape();
    }
    assert!(seen.contains("pagewalk_up one 1"), "{seen}");
    let recording = at.join("farm/one.pwlog");
    while received(&recording) != sent {
        assert!(
            Instant::now() < deadline,
            "the recording lacks what was received"
        );
        thread::yield_now();
    }
    program.kill().expect("kill -9");
    program.wait().expect("an end");
    assert_eq!(received(&recording), sent);
    // It goes on behind what is there, and at its end makes Parquet of all; what came twice counts once.
    let (mut program, mut stderr) = collect(at, &[]);
    line_with(&mut stderr, "collecting 1 board");
    while received(&recording).len() < 2 * sent.len() {
        assert!(Instant::now() < deadline, "the second start adds nothing");
        thread::yield_now();
    }
    kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
    line_with(&mut stderr, "1 file of Parquet");
    assert!(program.wait().expect("an end").success());
    assert_eq!(received(&at.join("farm/one.1.pwlog")).len(), 2 * sent.len());
    check(at, &["count", "farm/parquet", "107"]);
}

/// Lines that no compressor makes much smaller.
fn noise() -> String {
    let mut number = 1_u64;
    let mut line = || {
        number = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
        format!("{:016x}\r\n", number.rotate_left(29))
    };
    (0..60_000).map(|_| line()).collect()
}

/// A board that says this, and goes on with a short line again and again.
fn talkative_board(said: String) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut written = stream.write_all(said.as_bytes());
            while written.is_ok() {
                thread::sleep(Duration::from_millis(20));
                written = stream.write_all(b"more\r\n");
            }
        }
    });
    port
}

/// Collects from this port with files of 400 blocks at most: a disk that is full after 200 KiB.
fn collect_on_small_disk(at: &Path, port: u16) -> (Child, BufReader<ChildStderr>) {
    farm_of(at, "one", port);
    let mut program = Command::new("sh")
        .args(["-c", "ulimit -S -f 400 && exec \"$@\"", "sh"])
        .args([env!("CARGO_BIN_EXE_pagewalk"), "collect", "farm.toml"])
        .current_dir(at)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let stderr = BufReader::new(program.stderr.take().expect("a pipe"));
    (program, stderr)
}

#[test]
fn a_collector_on_a_full_disk_says_so_and_keeps_what_it_had() {
    let sent = noise();
    let port = talkative_board(sent.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let (mut program, mut stderr) = collect_on_small_disk(at, port);
    let said = line_with(&mut stderr, "one: cannot record");
    assert!(said.contains("File too large"), "{said}");
    kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
    program.wait().expect("an end");
    // At its end it puts the recording aside.
    let recording = at.join("farm/one.1.pwlog");
    let kept = received(&recording);
    assert!(kept.len() > 100_000, "{} bytes", kept.len());
    assert!(sent.as_bytes().starts_with(&kept), "what is kept is whole");
    assert!(fs::metadata(recording).expect("a file").len() <= 400 * 512);
}

#[test]
fn a_collector_goes_on_without_a_gap_when_there_is_room_again() {
    let sent = noise();
    let port = talkative_board(sent.clone());
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let (mut program, mut stderr) = collect_on_small_disk(at, port);
    line_with(&mut stderr, "one: cannot record");
    let room = Command::new("prlimit")
        .args(["--fsize=unlimited", &format!("--pid={}", program.id())])
        .status();
    assert!(room.expect("prlimit, of util-linux").success());
    let said = line_with(&mut stderr, "one: records again");
    assert!(said.contains("without a gap"), "{said}");
    let deadline = Instant::now() + PATIENCE;
    while received(&at.join("farm/one.pwlog")).len() < sent.len() {
        assert!(Instant::now() < deadline, "what waited is not written");
        thread::yield_now();
    }
    kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
    program.wait().expect("an end");
    let kept = received(&at.join("farm/one.1.pwlog"));
    assert!(kept.starts_with(sent.as_bytes()), "{} bytes", kept.len());
}

/// What a board that booted then says about these of its faults.
fn said_of(boot: u64, faults: std::ops::Range<u64>) -> Vec<u8> {
    let mut room = [0; wire::LARGEST];
    let welcome = Welcome {
        version: wire::VERSION,
        ticks_per_second: 1_000_000,
        xlen: 64,
        board: "lab",
        session: 0,
    };
    let used = welcome.encode(0, &mut room).expect("it fits");
    let mut said = room[..used].to_vec();
    let mut batch = BatchWriter::<1000>::new(faults.start);
    for seq in faults {
        assert!(batch.push(&Fault {
            time: seq * 1000 + boot,
            va: 0x20_0000 + seq * 0x1000,
            cause: 15,
            task: 2,
            ..Fault::EMPTY
        }));
    }
    let used = batch.encode(1, &mut room).expect("it fits");
    said.extend(&room[..used]);
    said
}

/// A board on a line that is there for what it says, until it is unplugged: one message of each channel for each time.
fn comes_and_goes() -> (u16, Sender<Vec<u8>>, Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (says, words): (_, Receiver<Vec<u8>>) = channel();
    let (unplugs, unplugged) = channel();
    thread::spawn(move || {
        for said in words {
            let (mut line, _) = listener.accept().expect("a collector");
            line.write_all(&said).expect("it listens");
            if unplugged.recv().is_err() {
                return;
            }
        }
    });
    (port, says, unplugs)
}

#[test]
fn a_board_that_is_unplugged_reset_and_outlives_its_collector_is_counted_once() {
    let (port, says, unplugs) = comes_and_goes();
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    farm_of(at, "lab", port);
    let recording = at.join("farm/lab.pwlog");
    let (mut program, mut stderr) = collect(at, &[]);
    line_with(&mut stderr, "collecting 1 board");
    let mut all = Vec::new();
    // Ten faults; ten that are lost; ten more; a reset and five of that boot.
    let visits = [said_of(0, 0..10), said_of(0, 20..30), said_of(7, 0..5)];
    for (visit, said) in visits.into_iter().enumerate() {
        all.extend(&said);
        says.send(said).expect("a board");
        until_recorded(&recording, &all);
        if visit < 2 {
            unplugs.send(()).expect("a board");
            line_with(&mut stderr, "lab: closed by the other end; waiting for it");
        }
    }
    program.kill().expect("kill -9");
    program.wait().expect("an end");
    // What the board says without a collector is lost, and only that.
    unplugs.send(()).expect("a board");
    let last = said_of(7, 8..10);
    all.extend(&last);
    says.send(last).expect("a board");
    let (mut program, mut stderr) = collect(at, &[]);
    line_with(&mut stderr, "collecting 1 board");
    until_recorded(&recording, &all);
    kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
    line_with(&mut stderr, "2 faults, 0 lost; 1 file of Parquet");
    assert!(program.wait().expect("an end").success());
    check(at, &["count", "farm/parquet", "27"]);
    let faults = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["faults", "farm/lab.1.pwlog", "--format", "json"])
        .current_dir(at)
        .output()
        .expect("pagewalk starts");
    // Ten of the first boot, and three of the second.
    let text = String::from_utf8_lossy(&faults.stdout);
    assert!(text.contains("\"missing\": 13"), "{text:.400}");
}

#[test]
fn parquet_that_cannot_be_made_stops_no_recording_and_is_made_later() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    fs::create_dir(at.join("farm")).expect("a folder");
    for aside in ["lab.1.pwlog", "lab.2.pwlog"] {
        let from = format!("{TESTS}/captures/run-2.pwlog");
        fs::copy(from, at.join("farm").join(aside)).expect("a file");
    }
    // A file where the folder belongs: nothing can be made in it.
    fs::write(at.join("farm/parquet"), "in the way").expect("a file");
    let (port, says, unplugs) = comes_and_goes();
    farm_of(at, "lab", port);
    let (mut program, mut stderr) = collect(at, &[]);
    line_with(&mut stderr, "cannot make Parquet");
    let said = said_of(0, 0..10);
    says.send(said.clone()).expect("a board");
    until_recorded(&at.join("farm/lab.pwlog"), &said);
    fs::remove_file(at.join("farm/parquet")).expect("a file");
    line_with(&mut stderr, "Parquet is made again");
    kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
    // Both that waited, and the one that was open.
    line_with(&mut stderr, "10 faults, 0 lost; 3 files of Parquet");
    assert!(program.wait().expect("an end").success());
    check(at, &["count", "farm/parquet", "224"]);
    drop(unplugs);
}

#[test]
fn a_board_that_said_nothing_leaves_no_recording_aside() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let absent = at.join("no line here");
    let farm = format!(
        "folder = \"farm\"\n[boards.lab]\nline = \"unix:{}\"\n",
        absent.display()
    );
    fs::write(at.join("farm.toml"), farm).expect("a file");
    for _ in 0..2 {
        let (mut program, mut stderr) = collect(at, &[]);
        line_with(&mut stderr, "collecting 1 board");
        kill_process(Pid::from_child(&program), Signal::INT).expect("it runs");
        line_with(&mut stderr, "0 files of Parquet");
        assert!(program.wait().expect("an end").success());
    }
    let left = fs::read_dir(at.join("farm")).expect("a folder");
    let left: Vec<_> = left.map(|it| it.expect("an entry").file_name()).collect();
    assert_eq!(left, ["lab.pwlog"]);
}
