//! A run of the program, and how much memory it took.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;

/// What a run of the program came to.
pub struct Run {
    pub code: Option<i32>,
    /// Lines on stdout.
    pub lines: u64,
    pub stderr: String,
    /// Bytes of memory, at the most.
    pub peak: u64,
}

/// Runs it to its end, and throws its answer away.
pub fn run(program: &str, words: &[&str]) -> Run {
    let mut child = Command::new(program)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let status = format!("/proc/{}/status", child.id());
    // `/proc` has its largest size as long as it runs, and not when it has ended.
    let watch = thread::spawn(move || {
        let mut peak = 0;
        while let Some(now) = largest(&status) {
            peak = peak.max(now);
            thread::yield_now();
        }
        peak
    });
    let (mut lines, mut piece) = (0, vec![0; 1 << 16]);
    let mut out = child.stdout.take().expect("a pipe");
    loop {
        match out.read(&mut piece).expect("a pipe") {
            0 => break,
            count => lines += piece[..count].iter().filter(|it| **it == b'\n').count() as u64,
        }
    }
    let ended = child.wait_with_output().expect("it ends");
    Run {
        code: ended.status.code(),
        lines,
        stderr: String::from_utf8_lossy(&ended.stderr).into_owned(),
        peak: watch.join().expect("a number"),
    }
}

/// The largest size that a program had, in bytes: proc(5), `VmHWM`.
fn largest(status: &str) -> Option<u64> {
    let told = std::fs::read_to_string(status).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}
