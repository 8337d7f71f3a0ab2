//! On a line that changes, loses, doubles or holds back bytes: the right answer, or an error that
//! says so, and an end to it.
//!
//! The board is a few lines of test here that speak the protocol, so that nothing but the line
//! makes the difference. Nothing is measured: a run that does not end fails by [`HANGS`], which is
//! several times what a question may take.

#[path = "disturbed/board.rs"]
mod board;
#[path = "disturbed/line.rs"]
mod line;
#[path = "disturbed/stub.rs"]
mod stub;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use line::{Disturbance, to};
use link::recording::{Blocks, ReceivedBytes};

/// A question has 10 s, a command a few of them; this is for a machine that does other things too.
const HANGS: Duration = Duration::from_secs(150);
/// One byte in so many is disturbed: 10⁻⁴ to 10⁻².
const RATES: [u64; 3] = [10_000, 1_000, 100];
const SEEDS: u64 = 3;
/// Bytes of a recording: the faults of a session take about as many.
const ENOUGH: u64 = 2000;

fn start(words: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("pagewalk starts")
}

/// Runs it to its end.
#[track_caller]
fn run(what: &str, words: &[&str]) -> Output {
    let child = start(words);
    let process = child.id();
    let output = thread::spawn(move || child.wait_with_output().expect("its output"));
    let deadline = Instant::now() + HANGS;
    while !output.is_finished() {
        if Instant::now() > deadline {
            let _ = Command::new("kill")
                .arg("-KILL")
                .arg(process.to_string())
                .status();
            panic!("{what}: {words:?} does not end");
        }
        thread::sleep(Duration::from_millis(10));
    }
    output.join().expect("its output")
}

/// The right answer, or a sentence and exit code 1. Whether it was the answer.
#[track_caller]
fn right_or_refused(what: &str, words: &[&str], right: &str) -> bool {
    let output = run(what, words);
    let complaint = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert_eq!(said, right, "{what}: {words:?}: {complaint}");
            true
        }
        Some(1) => {
            assert!(
                complaint.contains("error: "),
                "{what}: {words:?}: {complaint}"
            );
            false
        }
        code => panic!("{what}: {words:?}: {code:?}: {complaint}"),
    }
}

/// What is asked of a board or its stub; `FROM` stands for it.
const OF_A_BOARD: [&str; 2] = ["ps --from FROM", "map --from FROM --task 2"];
const OF_A_STUB: [&str; 1] = ["map --from FROM"];

fn words<'a>(command: &'a str, from: &'a str) -> Vec<&'a str> {
    let word = |word| if word == "FROM" { from } else { word };
    command.split(' ').map(word).collect()
}

/// Asks over every one of these lines, many at once. How many were answered.
#[track_caller]
fn ask(lines: &[Disturbance], commands: &[&str], scheme: &str, serve: fn(TcpStream)) -> usize {
    let clean = format!("{scheme}{}", to(Disturbance::Clean, serve));
    let right = commands.iter().map(|command| {
        let output = run("clean", &words(command, &clean));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {complaint}");
        String::from_utf8(output.stdout)
            .expect("text")
            .replace(&clean, "FROM")
    });
    let right: Vec<String> = right.collect();
    let one = |line: Disturbance| {
        let from = format!("{scheme}{}", to(line, serve));
        let asked = commands.iter().zip(&right).filter(|(command, right)| {
            let right = right.replace("FROM", &from);
            right_or_refused(&format!("{line:?}"), &words(command, &from), &right)
        });
        asked.count()
    };
    thread::scope(|scope| {
        let runs: Vec<_> = lines
            .iter()
            .map(|line| scope.spawn(|| one(*line)))
            .collect();
        runs.into_iter()
            .map(|run| run.join().expect("no panic"))
            .sum()
    })
}

/// The stub alone, on a line of its own.
fn serve_stub(mut line: TcpStream) {
    let mut stub = stub::Stub::default();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = line.read(&mut piece) {
        let said = stub.take(&piece[..count]);
        if line.write_all(&said).is_err() {
            return;
        }
    }
}

fn noisy() -> Vec<Disturbance> {
    let rates = RATES.into_iter();
    let each = |one_in| (0..SEEDS).map(move |seed| Disturbance::Noisy { one_in, seed });
    rates.flat_map(each).collect()
}

#[test]
fn a_noisy_line_gives_the_right_answer_or_an_error() {
    let answered = ask(&noisy(), &OF_A_BOARD, "tcp://", board::serve);
    // Frames are sent again: of the lines with one byte in 10,000 all give an answer.
    assert!(answered >= 2 * SEEDS as usize, "{answered}");
}

#[test]
fn a_stub_behind_a_noisy_line_gives_the_right_answer_or_an_error() {
    ask(&noisy(), &OF_A_STUB, "gdb://", serve_stub);
}

#[test]
fn a_slow_line_gives_the_right_answer_or_an_error_in_time() {
    let fast = [Disturbance::Slow(2000)];
    assert_eq!(ask(&fast, &OF_A_BOARD, "tcp://", board::serve), 2);
    let slow = [Disturbance::Slow(1), Disturbance::Slow(20)];
    assert_eq!(ask(&slow, &OF_A_BOARD[..1], "tcp://", board::serve), 0);
    assert_eq!(ask(&slow, &OF_A_STUB, "gdb://", serve_stub), 0);
}

#[test]
fn who_never_stops_speaking_and_who_never_speaks_is_given_up() {
    let endless = [0, b'+', b'$', b'x', 0xff].map(Disturbance::Endless);
    let lines = [&endless[..], &[Disturbance::Silent]].concat();
    assert_eq!(ask(&lines, &OF_A_BOARD[..1], "tcp://", board::serve), 0);
    assert_eq!(ask(&lines, &OF_A_STUB, "gdb://", serve_stub), 0);
}

#[test]
fn a_line_that_changes_bytes_is_said_to() {
    for (line, said) in [
        (Disturbance::Turns(b'\n', b"\r\n"), "turns \\n into \\r\\n"),
        (Disturbance::Turns(b'\r', b"\n"), "turns \\r into \\n"),
        (Disturbance::Turns(0x11, b""), "the byte 0x11"),
        (Disturbance::Turns(0x13, b""), "the byte 0x13"),
        (Disturbance::SevenBits, "8-bit clean"),
        (Disturbance::Turns(0x80, b"\x81"), "8-bit clean"),
    ] {
        let from = format!("tcp://{}", to(line, board::serve));
        let output = run(
            &format!("{line:?}"),
            &["map", "--from", &from, "--task", "2"],
        );
        let complaint = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            // The bytes in question need not have come.
            Some(0) => {}
            _ => assert!(complaint.contains(said), "{line:?}: {complaint}"),
        }
    }
    // These do come.
    let newlines = format!(
        "tcp://{}",
        to(Disturbance::Turns(b'\n', b"\r\n"), board::serve)
    );
    let output = run("newlines", &["map", "--from", &newlines, "--task", "2"]);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("turns \\n into \\r\\n"), "{complaint}");
}

/// Every fault that is reported must be one that happened, and be reported once.
#[track_caller]
fn only_true_faults(what: &str, csv: &str) -> usize {
    let mut told = std::collections::BTreeSet::new();
    let mut lines = csv.lines();
    let heading: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name: &str| heading.iter().position(|it| *it == name).expect(name);
    let (boot, seq, va) = (column("boot"), column("seq"), column("address"));
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let number: u64 = cells[seq].parse().expect("a number");
        let va = cells[va].trim_start_matches("0x");
        let va = u64::from_str_radix(va, 16).expect("an address");
        assert_eq!(va, board::fault(number).va, "{what}: {line}");
        // A session that began again may look like another boot.
        let is_new = told.insert((cells[boot].to_owned(), number));
        assert!(is_new, "{what}: {line} is reported twice");
    }
    told.len()
}

/// Bytes of the board that a recording has so far.
fn received(recording: &str) -> std::io::Result<u64> {
    let blocks = Blocks::open(recording.as_ref())?;
    std::io::copy(&mut ReceivedBytes::new(blocks), &mut std::io::sink())
}

#[test]
fn what_is_recorded_on_a_bad_line_is_true_and_can_be_read() {
    let lines = [
        noisy(),
        vec![Disturbance::Turns(b'\n', b"\r\n"), Disturbance::Slow(5000)],
    ]
    .concat();
    thread::scope(|scope| {
        for line in &lines {
            scope.spawn(move || {
                let what = format!("{line:?}");
                let folder = tempfile::tempdir().expect("a folder");
                let file = folder.path().join("run.pwlog");
                let file = file.to_str().expect("text");
                let from = format!("tcp://{}", to(*line, board::serve));
                let mut recorder = start(&["record", &from, file]);
                let mut said = BufReader::new(recorder.stderr.take().expect("a pipe"));
                let mut begun = String::new();
                said.read_line(&mut begun).expect("text");
                // What the board reports when it gets a hello, or several hellos that it never got.
                let deadline = Instant::now() + HANGS;
                let kept = || received(file).unwrap_or(0);
                while kept() < ENOUGH {
                    assert!(Instant::now() < deadline, "{what}: {} bytes", kept());
                    thread::sleep(Duration::from_millis(10));
                }
                let process = recorder.id().to_string();
                let sent = Command::new("kill").args(["-INT", &process]).status();
                assert!(sent.expect("kill").success());
                let mut rest = String::new();
                said.read_to_string(&mut rest).expect("text");
                let status = recorder.wait().expect("an end");
                assert_eq!(status.code(), Some(0), "{what}: {begun}{rest}");
                let faults = run(&what, &["faults", "--format", "csv", file]);
                let complaint = String::from_utf8_lossy(&faults.stderr);
                match faults.status.code() {
                    Some(0) => {
                        only_true_faults(&what, &String::from_utf8_lossy(&faults.stdout));
                    }
                    Some(1) => assert!(complaint.contains("no faults in it"), "{complaint}"),
                    code => panic!("{what}: {code:?}: {complaint}"),
                }
                let replayed = run(&what, &["replay", "--speed", "max", file]);
                assert_eq!(replayed.status.code(), Some(0), "{what}");
            });
        }
    });
}

/// What `dash` shows until it has shown a fault, has said what is wrong, or has given up; and how
/// it ends.
fn watch(line: Disturbance) -> (String, String, Option<i32>) {
    let from = format!("tcp://{}", to(line, board::serve));
    let mut dash = start(&["dash", &from, "--once"]);
    let (sender, said) = channel();
    let listen = |from: Box<dyn Read + Send>, is_shown: bool, sender: Sender<(bool, String)>| {
        thread::spawn(move || {
            let lines = BufReader::new(from).lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send((is_shown, line))));
        });
    };
    let stdout = dash.stdout.take().expect("a pipe");
    let stderr = dash.stderr.take().expect("a pipe");
    listen(Box::new(stdout), true, sender.clone());
    listen(Box::new(stderr), false, sender);
    let (mut shown, mut complaint) = (String::new(), String::new());
    let mut is_asked = false;
    loop {
        let (is_shown, line) = match said.recv_timeout(HANGS) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _ = dash.kill();
                panic!("{line:?}: neither a fault nor a word: {shown}{complaint}");
            }
        };
        let is_enough = if is_shown {
            line.contains(" task ")
        } else {
            true
        };
        let text = if is_shown { &mut shown } else { &mut complaint };
        *text += &(line + "\n");
        if is_enough && !std::mem::replace(&mut is_asked, true) {
            let process = dash.id().to_string();
            // It may have ended by itself.
            let _ = Command::new("kill").args(["-INT", &process]).status();
        }
    }
    (shown, complaint, dash.wait().expect("an end").code())
}

#[test]
fn what_dash_shows_on_a_bad_line_is_true_or_an_error() {
    let lines = [
        noisy(),
        vec![
            Disturbance::Turns(b'\n', b"\r\n"),
            Disturbance::Slow(5000),
            Disturbance::Slow(20),
            Disturbance::Silent,
            Disturbance::Endless(0),
            Disturbance::Endless(b'x'),
        ],
    ]
    .concat();
    thread::scope(|scope| {
        for line in &lines {
            scope.spawn(move || {
                let (shown, complaint, code) = watch(*line);
                let mut told = std::collections::BTreeSet::new();
                for fault in shown.lines().filter(|it| it.contains(" task ")) {
                    let number = fault_shown(fault);
                    assert!(number.is_some(), "{line:?}: {fault} did not happen");
                    // A session that began again may look like another boot.
                    let is_new = told.insert(number) || !complaint.contains(" 1 boot");
                    assert!(is_new, "{line:?}: {fault} is reported twice");
                }
                match code {
                    Some(0) => assert!(
                        !told.is_empty() || complaint.contains("note: tcp://"),
                        "{line:?}: {complaint}"
                    ),
                    Some(1) => assert!(complaint.contains("error: "), "{line:?}: {complaint}"),
                    code => panic!("{line:?}: {code:?}: {complaint}"),
                }
                if let Disturbance::Silent | Disturbance::Endless(_) = line {
                    assert_eq!(code, Some(1), "{line:?}: {complaint}");
                }
                if let Disturbance::Noisy { one_in: 10_000, .. } = line {
                    assert!(!told.is_empty(), "{line:?}: {complaint}");
                }
            });
        }
    });
}

/// The number of the fault that such a line shows, if it is one of the board's in every word.
fn fault_shown(line: &str) -> Option<u64> {
    let word = line
        .split_whitespace()
        .find_map(|it| it.strip_prefix("0x"))?;
    let va = u64::from_str_radix(word.trim_end_matches(','), 16).ok()?;
    (0..board::FAULTS).find(|number| board::fault(*number).va == va)
}

#[test]
fn a_shared_bad_line_gives_commands_and_gdb_the_right_answer_or_an_error() {
    let lines = [
        Disturbance::Noisy {
            one_in: 1000,
            seed: 1,
        },
        Disturbance::Turns(b'\n', b"\r\n"),
    ];
    for line in lines {
        let from = format!("tcp://{}", to(line, board::serve));
        let mut hub = start(&["connect", &from, "--gdb-port", "0", "--port", "0"]);
        let mut out = BufReader::new(hub.stdout.take().expect("a pipe")).lines();
        let mut word = || {
            let line = out.next().expect("a line").expect("text");
            line.rsplit(' ').next().expect("a word").to_owned()
        };
        let (gdb, _console, shared) = (word(), word(), word());
        let what = format!("connect on {line:?}");
        let clean = format!("tcp://{}", to(Disturbance::Clean, board::serve));
        for command in OF_A_BOARD {
            let right = run("clean", &words(command, &clean));
            let right = String::from_utf8_lossy(&right.stdout).replace(&clean, &shared);
            right_or_refused(&what, &words(command, &shared), &right);
        }
        let clean = format!("gdb://{}", to(Disturbance::Clean, serve_stub));
        let from = format!("gdb://{gdb}");
        let right = run("clean", &words(OF_A_STUB[0], &clean));
        let right = String::from_utf8_lossy(&right.stdout).replace(&clean, &from);
        right_or_refused(&what, &words(OF_A_STUB[0], &from), &right);
        let process = hub.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status();
        assert!(sent.expect("kill").success());
        let mut said = String::new();
        let stderr = hub.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut said).expect("text");
        assert_eq!(
            hub.wait().expect("an end").code(),
            Some(0),
            "{what}: {said}"
        );
        if let Disturbance::Turns(..) = line {
            assert!(said.contains("turns \\n into \\r\\n"), "{what}: {said}");
        }
    }
}
