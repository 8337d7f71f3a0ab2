//! What `pagewalk --version` states of the build: the commit it was built from, and the target it was built for.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The log of HEAD grows with each commit and checkout; where there is none, no commit is known either.
    if let Some(log) = git(&["rev-parse", "--git-path", "logs/HEAD"]) {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"]);
    let commit = commit.unwrap_or_else(|| "unknown: not built from a clone".to_owned());
    println!("cargo::rustc-env=PAGEWALK_COMMIT={commit}");
    let target = env::var("TARGET").expect("cargo sets TARGET");
    println!("cargo::rustc-env=PAGEWALK_TARGET={target}");
}

/// What git answers, on one line; nothing where it fails or is not there.
fn git(words: &[&str]) -> Option<String> {
    let output = Command::new("git").args(words).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
