//! The README's screen: a session in QEMU, run and written between its two marks.
//!
//! `just _screen` runs it. Counts of instructions are exact there, so that a screen only
//! changes when the kernel does.

#[path = "../tests/board/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "the harness of the tests; a screen needs little of it"
)]
mod board;

use std::fs;
use std::path::Path;
use std::process::Command;

use board::Qemu;

/// What is typed at the board.
const SESSION: &[&str] = &["touch_test 3", "faulter null", "faults", "free"];

/// The screen lies between these lines of README.md.
const BEGIN: &str = "<!-- screen: `just _screen` runs it and writes it here -->\n";
const END: &str = "<!-- end of screen -->\n";

fn main() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = house.join("README.md");
    let readme = fs::read_to_string(&path).expect("README.md is there");
    let (before, rest) = readme.split_once(BEGIN).expect("the screen's first mark");
    let (_, after) = rest.split_once(END).expect("the screen's last mark");
    let screen = format!("{}\n{}", on_the_board(&house), on_the_desk(&house));
    let screen = screen.trim_end();
    let readme = format!("{before}{BEGIN}\n```text\n{screen}\n```\n\n{END}{after}");
    fs::write(&path, readme).expect("README.md can be written");
}

/// The recorded line, which the host reads afterwards.
const RECORDED: &str = "target/images/session.log";

/// Boots, types, and tells what a terminal shows from the kernel's first word on.
fn on_the_board(house: &Path) -> String {
    let mut board = Qemu::with_image().append("frames=1").counting().boot();
    for line in SESSION {
        board.run(line);
    }
    let heard = board.transcript();
    fs::write(house.join(RECORDED), heard).expect("target/images can be written");
    let shown = String::from_utf8_lossy(&without_frames(heard)).replace('\r', "");
    let from = shown.find("Pagewalk ").expect("the kernel says its name");
    let session = shown[from..].trim_end().trim_end_matches("pw>").trim_end();
    format!("$ just run\n{session}\n")
}

/// What `pagewalk faults` makes of the same line.
fn on_the_desk(house: &Path) -> String {
    let pagewalk = house.join("target/debug/pagewalk");
    let said = Command::new(pagewalk)
        .args(["faults", RECORDED])
        .current_dir(house)
        .output();
    let said = said.expect("`just build` leaves pagewalk");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let table = String::from_utf8(said.stdout).expect("pagewalk speaks UTF-8");
    // The faults stand above already; their totals come after the first empty line.
    let totals = table
        .split_once("\n\n")
        .map_or(table.as_str(), |(_, totals)| totals);
    let lines = totals.lines().count();
    format!("$ pagewalk faults {RECORDED} | tail -n {lines}\n{totals}")
}

/// The text of a line: frames begin and end with a zero.
fn without_frames(heard: &[u8]) -> Vec<u8> {
    heard
        .split(|&byte| byte == 0)
        .step_by(2)
        .flatten()
        .copied()
        .collect()
}
