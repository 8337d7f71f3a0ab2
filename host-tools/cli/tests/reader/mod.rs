//! What other programs read in exported files, by `export/check.py`.

use std::path::Path;
use std::process::Command;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// Runs a check of `export/check.py`; returns what it prints.
#[track_caller]
pub fn check(folder: &Path, words: &[&str]) -> String {
    let root = Path::new(TESTS).join("../../..");
    let output = Command::new("python3")
        .arg(format!("{TESTS}/export/check.py"))
        .args(words)
        .env("PYTHONPATH", root.join("target/python"))
        .current_dir(folder)
        .output()
        .expect("python3 starts; `./setup --tests` brings what it reads with");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
