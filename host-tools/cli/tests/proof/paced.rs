//! Two thousand faults a second over a line as fast as the Ox64's: none is lost.
//!
//! Whether the line could carry them is counted in bytes: a busy machine makes it slower than it is
//! meant to be, and the board's clock goes on. So the board may keep them all until they are sent.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::board::SocketBoard;

/// 2,000,000 baud, ten bits a byte.
const BYTES_A_SECOND: f64 = 200_000.0;
const RATE: u64 = 2000;
const SECONDS: u64 = 3;
/// How long nothing may be said.
const PATIENCE: Duration = Duration::from_secs(120);

/// Passes bytes on no faster than the line would, and counts them.
fn pace(mut from: impl Read, mut to: impl Write) -> u64 {
    let mut passed = 0;
    let mut idle_until = Instant::now();
    let mut piece = [0; 64];
    while let Ok(count @ 1..) = from.read(&mut piece) {
        // A line that was idle has saved nothing up.
        idle_until = idle_until.max(Instant::now());
        idle_until += Duration::from_secs_f64(count as f64 / BYTES_A_SECOND);
        if to.write_all(&piece[..count]).is_err() {
            break;
        }
        passed += count as u64;
        thread::sleep(idle_until.saturating_duration_since(Instant::now()));
    }
    passed
}

#[test]
fn two_thousand_faults_a_second_all_arrive_at_two_megabaud() {
    let board = SocketBoard::boot(&["-append", "log=16384"]);
    let line = UnixStream::connect(board.line()).expect("the line");
    let slow = TcpListener::bind("127.0.0.1:0").expect("a port");
    let spec = format!("tcp://{}", slow.local_addr().expect("a port"));
    let mut host = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(["dash", &spec, "--once", "--type"])
        .arg(format!("pace_test {RATE} {SECONDS}"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    let (stream, _) = slow.accept().expect("pagewalk");
    let down = {
        let (line, stream) = (
            line.try_clone().expect("a line"),
            stream.try_clone().expect("a line"),
        );
        thread::spawn(move || pace(line, stream))
    };
    let up = {
        let (line, stream) = (
            line.try_clone().expect("a line"),
            stream.try_clone().expect("a line"),
        );
        thread::spawn(move || pace(stream, line))
    };

    let lines = BufReader::new(host.stdout.take().expect("stdout was piped")).lines();
    let (sender, said) = channel();
    thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| sender.send(line))
    });
    let ended = format!("pace_test: {} faults", RATE * SECONDS);
    let (mut zeroed, mut is_over, mut all) = (0, false, Vec::new());
    // Text and faults travel on channels of their own: the last may come after the program's word.
    while !is_over || zeroed < RATE * SECONDS {
        let Ok(line) = said.recv_timeout(PATIENCE) else {
            let last = &all[all.len().saturating_sub(20)..];
            panic!("{zeroed} reported, ended: {is_over}; the last: {last:#?}");
        };
        is_over |= line.contains(&ended);
        zeroed += u64::from(line.contains("zeroed") && line.contains("0x20"));
        all.push(line);
    }
    stream.shutdown(Shutdown::Both).expect("a line");
    line.shutdown(Shutdown::Both).expect("a line");
    let mut remark = String::new();
    let mut stderr = host.stderr.take().expect("stderr was piped");
    stderr.read_to_string(&mut remark).expect("text");
    host.wait().expect("a program");
    up.join().expect("a pace");
    let said = down.join().expect("a pace");
    // Greetings, tasks and tables are among them: the line has room to spare.
    let room = (BYTES_A_SECOND as u64) * SECONDS;
    assert!(said <= room, "{said} bytes, a line of {room}");
    assert!(remark.contains(" faults, 0 lost, "), "{remark}");

    // The board counts the same: every number up to the last was reported.
    let told: u64 = remark
        .split_whitespace()
        .nth(1)
        .and_then(|count| count.parse().ok())
        .expect("a count");
    let mut terminal = board.terminal();
    // The zeros end the frame in whose middle the line may have been cut.
    terminal.send(b"\0\0faults\r");
    // It may come in frames still: the board has not given the host up yet.
    let said = terminal.expect(" forgotten");
    let raised = said
        .rsplit_once(" faults, ")
        .and_then(|(before, _)| {
            let digits = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
            before[digits..].parse::<u64>().ok()
        })
        .unwrap_or_else(|| panic!("{said}"));
    // What the shell itself faulted on since then is not known to the host.
    assert!(raised - told <= 2, "{raised} raised, {told} reported");
}
