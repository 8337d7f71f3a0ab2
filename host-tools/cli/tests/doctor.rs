//! `pagewalk doctor` on lines: silent ones, one at another rate, one that waits for a key.
//!
//! What it makes of each kind of boot is in `expected/doctor-*.txt`.

#[expect(dead_code, reason = "no key is typed here")]
mod adapter;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use adapter::AdapterTerminal;
use serde_json::Value;

fn doctor(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .arg("doctor")
        .args(words)
        .args(["--seconds", "1", "--format", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("pagewalk runs")
}

#[track_caller]
fn told(words: &[&str]) -> Value {
    let run = doctor(words);
    let complaint = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{words:?}: {complaint}");
    serde_json::from_slice(&run.stdout).expect("JSON")
}

/// A socket whose board does this.
fn board(serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("a port");
    thread::spawn(move || serve(listener.accept().expect("a caller").0));
    format!("tcp://{address}")
}

/// Reads until this has come.
fn until(from: &mut impl Read, wanted: &[u8]) {
    let mut heard = Vec::new();
    while !heard.ends_with(wanted) {
        let mut byte = [0];
        from.read_exact(&mut byte).expect("it speaks");
        heard.push(byte[0]);
    }
}

#[test]
fn a_line_without_a_byte_is_silent_and_nothing_is_sent_if_it_must_not_be() {
    let line = board(|mut stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("an end");
        assert_eq!(heard, b" \r");
    });
    let report = told(&[&line]);
    assert_eq!(report["carries"], "silent");
    assert_eq!(report["sign"], "silent");
    assert_eq!(report["stopped_in"], Value::Null);
    let (sender, heard) = std::sync::mpsc::channel();
    let line = board(move |mut stream| {
        let mut heard = Vec::new();
        stream.read_to_end(&mut heard).expect("an end");
        sender.send(heard).expect("a listener");
    });
    told(&[&line, "--silent"]);
    assert_eq!(heard.recv().expect("what was sent"), b"");
}

#[test]
fn a_board_that_waits_at_a_prompt_shows_it_when_a_key_comes() {
    for (prompt, sign) in [
        ("=> ", "u-boot-prompt"),
        ("pw> ", "pagewalk-prompt"),
        ("nsh> ", "nuttx-prompt"),
        ("ox64 login: ", "linux-login"),
        ("~ # ", "linux-shell"),
    ] {
        let line = board(move |mut stream| {
            until(&mut stream, b" \r");
            let said = format!(" \r\n{prompt}");
            stream.write_all(said.as_bytes()).expect("it listens");
            // Until it has received enough.
            let _ = stream.read(&mut [0]);
        });
        let report = told(&[&line]);
        assert_eq!(report["sign"], sign, "{report}");
        assert_eq!(report["at_prompt"], true);
    }
}

/// A board behind an adapter: a reader at another rate receives no text.
fn speaks_at(baud: u32, mut board: AdapterTerminal) {
    thread::spawn(move || {
        loop {
            let mut key = [0];
            if board.read(&mut key).is_err() {
                return;
            }
            let said: &[u8] = match board.baud() == baud {
                true => b"\r\nU-Boot 2023.04 (Apr 01 2023)\r\n\r\n=> ",
                false => &[0xf8, 0x80, 0xfe, 0x1e, 0x00, 0xe6],
            };
            if key == *b"\r" && board.write_all(said).is_err() {
                return;
            }
        }
    });
}

#[test]
fn a_port_without_a_rate_or_with_a_wrong_one_is_heard_at_the_right_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = folder.path().join("ttyUSB0");
    let name = port.to_str().expect("text");
    speaks_at(115_200, AdapterTerminal::new().plug_in(&port));
    let report = told(&[&format!("{name}@2000000")]);
    let rates = report["rates"].as_array().expect("rates");
    let rate = |n: usize| (rates[n]["baud"].as_u64(), rates[n]["carries"].as_str());
    assert_eq!(rate(0), (Some(2_000_000), Some("garbled")), "{report}");
    assert_eq!(rate(1), (Some(115_200), Some("readable")), "{report}");
    assert_eq!(report["line"], format!("{name}@115200"));
    assert_eq!(report["sign"], "u-boot-prompt");
}

/// `[boards.lab]` of the settings, as every command on a line takes it.
#[test]
fn a_board_of_the_settings_is_examined_by_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = folder.path().join("ttyUSB0");
    speaks_at(115_200, AdapterTerminal::new().plug_in(&port));
    let settings = folder.path().join("settings.toml");
    let line = format!("{}@115200", port.display());
    std::fs::write(
        &settings,
        format!("line = \"lab\"\n[boards.lab]\nline = \"{line}\"\n"),
    )
    .expect("a file");
    for words in [&["lab"][..], &[]] {
        let run = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .arg("doctor")
            .args(words)
            .args(["--seconds", "1", "--format", "json"])
            .env("PAGEWALK_CONFIG", &settings)
            .stdin(Stdio::null())
            .output()
            .expect("pagewalk runs");
        let report: Value = serde_json::from_slice(&run.stdout).expect("JSON");
        assert_eq!(report["line"], line, "{words:?}");
        assert_eq!(report["sign"], "u-boot-prompt");
    }
    let unknown = doctor(&["nowhere"]);
    assert_eq!(unknown.status.code(), Some(1));
}

#[test]
fn a_board_whose_rom_waits_to_be_flashed_answers_when_it_is_called() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = folder.path().join("ttyUSB0");
    let name = format!("{}@500000", port.display());
    let mut rom = AdapterTerminal::new().plug_in(&port);
    thread::spawn(move || {
        // As much as five milliseconds hold.
        until(&mut rom, &[0x55; 250]);
        rom.write_all(b"OK").expect("it listens");
        let _ = rom.read(&mut [0]);
    });
    let report = told(&[&name, "--boot-rom"]);
    assert_eq!(report["sign"], "boot-rom");
    assert_eq!(report["stopped_in"], "boot-rom");
    let line = board(|mut stream| drop(stream.read(&mut [0])));
    let run = doctor(&[&line, "--boot-rom"]);
    assert_eq!(run.status.code(), Some(1), "a socket has no rate");
}

#[test]
fn a_port_that_cannot_be_opened_is_told_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("ttyUSB0");
    let complaint = |path: &Path| {
        let run = doctor(&[&format!("{}@115200", path.display())]);
        assert_eq!(run.status.code(), Some(1));
        String::from_utf8_lossy(&run.stderr).into_owned()
    };
    let said = complaint(&missing);
    assert!(said.contains("not there; "), "{said}");
    // Another program has it.
    let port = folder.path().join("ttyUSB1");
    let mut board = AdapterTerminal::new().plug_in(&port);
    let _other = serial(&port, &mut board);
    let said = complaint(&port);
    assert!(said.contains("another program has it"), "{said}");
}

/// `pagewalk monitor`, as the other program: it has shown something, so the port is its own.
fn serial(port: &Path, board: &mut AdapterTerminal) -> Ended {
    let mut monitor = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args([
            "monitor",
            "--no-time",
            &format!("{}@115200", port.display()),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("pagewalk starts");
    board.write_all(b"here").expect("it listens");
    until(monitor.stdout.as_mut().expect("a pipe"), b"here");
    Ended(monitor)
}

struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
