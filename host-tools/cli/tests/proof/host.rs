//! The program itself, asked and answered.

use std::process::Command;

/// gdb sends a packet again that is not answered within two seconds, and takes the second answer for that of the next one.
pub const PATIENT: &str = "set remotetimeout 60";

/// What `pagewalk` answers; it must answer well.
#[track_caller]
pub fn pagewalk(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(arguments)
        .output()
        .expect("pagewalk starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}
