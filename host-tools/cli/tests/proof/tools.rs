//! Other people's programs, as witnesses: mtools, sfdisk, fsck.fat, dtc.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a tool with `input` on its standard input and returns what it answered.
///
/// A tool that is missing or refuses fails the test, with its own words.
#[track_caller]
pub fn tool(name: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(name)
        .args(arguments)
        // On Debian, sfdisk and fsck.fat lie where only root's path leads.
        .env(
            "PATH",
            format!(
                "{}:/usr/sbin:/sbin",
                std::env::var("PATH").unwrap_or_default()
            ),
        )
        .env("MTOOLS_SKIP_CHECK", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {name}: {error}; run `./setup --tests`"));
    let mut stdin = child.stdin.take().expect("stdin was piped");
    // A tool that does not read its input may be gone before it is written.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().expect("a started tool ends");
    assert!(
        output.status.success(),
        "{name} {arguments:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A path as tools take it.
#[track_caller]
pub fn path(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are UTF-8")
}
