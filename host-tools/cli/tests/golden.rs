//! What each command prints, to the letter: `expected/*.txt`.
//!
//! ```text
//! $ pagewalk decode satp 0x8000000000050407      the command, run in captures/
//! satp 0x8000000000050407                        what it prints on stdout
//! …
//! --- stderr                                     what it prints on stderr, if anything
//! --- exit 1                                     how it ends, if not with 0
//! ```
//!
//! `< FILE` at the end of a command is its stdin. `sim://MODULE/FIXTURE` is a probe at a simulated port: the module's
//! profile, and the folder in `captures/` that its memory is read from. With `UPDATE=1` the files are
//! written again, for a diff to read.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

#[expect(dead_code, reason = "what is printed counts, not the hart")]
mod simulated;

use link::probe::sim::{Profile, SharedTap};
use simulated::FIXTURES;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

/// The probe that a word of a command names, and what it is called there.
fn probe(command: &str) -> Option<(&str, SharedTap, String)> {
    let word = &command[command.find("sim://")?..];
    let word = word.split_whitespace().next()?;
    let (module, folder) = word["sim://".len()..]
        .split_once('/')
        .expect("MODULE/FIXTURE");
    let profile = Profile::by_name(module).expect("a profile");
    let mut known = FIXTURES.iter();
    let fixture = known
        .find(|it| it.core.starts_with(folder))
        .expect("a fixture");
    let (tap, name) = simulated::start(profile, fixture);
    Some((word, tap, name))
}

/// Runs a command; where it names a probe of ours, that is called by the same name in the answer.
fn run(command: &str) -> String {
    match probe(command) {
        Some((word, _tap, name)) => run_as_is(&command.replace(word, &name)).replace(&name, word),
        None => run_as_is(command),
    }
}

fn run_as_is(command: &str) -> String {
    let (words, input) = match command.split_once(" < ") {
        Some((words, file)) => (words, Some(file)),
        None => (command, None),
    };
    let captures = Path::new(TESTS).join("captures");
    let stdin = match input {
        Some(file) => File::open(captures.join(file)).expect(file).into(),
        None => Stdio::null(),
    };
    let output = Command::new(env!("CARGO_BIN_EXE_pagewalk"))
        .args(words.split_whitespace())
        .current_dir(captures)
        .env_remove("COLUMNS")
        // What the person who runs the tests has set for themselves changes no answer.
        .env("PAGEWALK_CONFIG", "")
        .stdin(stdin)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    let mut seen = format!("$ pagewalk {command}\n{stdout}");
    if !stderr.is_empty() {
        seen += &format!("--- stderr\n{stderr}");
    }
    match output.status.code() {
        Some(0) => seen,
        code => seen + &format!("--- exit {}\n", code.expect("it ends by itself")),
    }
}

#[test]
fn every_command_prints_what_is_expected() {
    let mut cases = 0;
    let mut wrong = String::new();
    for entry in fs::read_dir(format!("{TESTS}/expected")).expect("expected/") {
        let path = entry.expect("expected/").path();
        let expected = fs::read_to_string(&path).expect("a text file");
        let first = expected.lines().next().unwrap_or_default();
        let command = first.strip_prefix("$ pagewalk ").expect("a command first");
        let seen = run(command);
        cases += 1;
        if seen == expected {
        } else if std::env::var_os("UPDATE").is_some() {
            fs::write(&path, seen).expect("expected/ can be written");
        } else {
            wrong += &format!("\n{}\nexpected\n{expected}\nseen\n{seen}", path.display());
        }
    }
    assert!(cases > 30, "only {cases} cases");
    assert!(wrong.is_empty(), "{wrong}");
}
