//! How the program behaves as a part of a pipe.

use std::fs::File;
use std::io::Read;
use std::process::{Command, Stdio};

fn map() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pagewalk"));
    command
        .args(["-q", "map", "--core", "linux-sv39/pagetables.core"])
        .args(["--satp", "0x80033000000830ca", "--format", "json"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/captures"));
    command
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    let mut child = map()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let mut stderr = String::new();
    let pipe = child.stderr.as_mut().expect("a pipe");
    pipe.read_to_string(&mut stderr).expect("text");
    assert_eq!(child.wait().expect("it ends").code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let full = File::options().write(true).open("/dev/full");
    let output = map()
        .stdout(full.expect("Linux has it"))
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("error: No space left"), "{stderr}");
}

#[test]
fn completions_know_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
            .args(["completions", shell])
            .output()
            .expect("the program runs");
        let script = String::from_utf8_lossy(&output.stdout);
        for word in ["decode", "walk", "map", "--dialect"] {
            assert!(
                script.contains(word.trim_start_matches('-')),
                "{shell}: {word}"
            );
        }
    }
}
