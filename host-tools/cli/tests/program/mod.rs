//! Running the built program.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a run left.
pub struct Run {
    pub stdout: String,
    pub stderr: String,
    pub code: i32,
}

/// Runs `pagewalk` in `captures/` with `input` on stdin.
pub fn pagewalk(words: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_owned();
    let feeder = std::thread::spawn(move || {
        // A program that does not read its stdin ends before all of it is written.
        let _ = stdin.write_all(input.as_bytes());
    });
    let output = child.wait_with_output().expect("the program ends");
    feeder.join().expect("the feeder ends");
    Run {
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
        code: output.status.code().expect("it ends by itself"),
    }
}

/// The JSON that `pagewalk` answers with.
pub fn json(words: &[&str], input: &str) -> serde_json::Value {
    let run = pagewalk(words, input);
    assert_eq!(run.code, 0, "{words:?}: {}", run.stderr);
    serde_json::from_str(&run.stdout).expect("JSON")
}
