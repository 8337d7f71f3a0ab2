//! Standard output: answers only, in large writes. Standard error: notes, a line each.

use std::fmt::Arguments;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::builder::styling::{AnsiColor, Style};

use crate::voice;

/// Lets `write` fill stdout and makes sure that all of it has left.
pub fn answer<E: From<io::Error>>(
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    // What could be said is said, also where the end is an error.
    let written = write(&mut out);
    out.flush()?;
    written
}

/// Says something on stderr, in one write. One that is closed or full ends nothing. Quiet lets warnings and errors
/// pass.
pub fn note(text: Arguments) {
    let text = text.to_string();
    let found = KINDS.iter().find(|(kind, _)| text.starts_with(kind));
    let is_serious = found.is_some_and(|(kind, _)| *kind != "note:");
    if voice::is_quiet() && !is_serious {
        return;
    }
    match found.filter(|_| voice::is_coloured()) {
        Some((kind, style)) => {
            let rest = &text[kind.len()..];
            say(&format!("{style}{kind}{style:#}{rest}"));
        }
        None => say(&text),
    }
}

/// With `-v`, on a line of its own.
pub fn detail(text: Arguments) {
    if voice::is_verbose() {
        say(&format!("{text}\n"));
    }
}

/// Asks something: that is said however quiet the run is.
pub fn ask(text: Arguments) {
    say(&text.to_string());
}

fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// How a line on stderr begins, and its colour, as clap has them.
const KINDS: [(&str, Style); 3] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
    ("note:", AnsiColor::Cyan.on_default().bold()),
];

/// What was made, in words: on stdout, or on stderr where stdout is what was made.
pub fn summary<E: From<io::Error>>(
    made: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    if is_stdout(made) {
        return write(&mut io::stderr());
    }
    answer(write)
}

/// Is it /dev/stdout by any name?
fn is_stdout(path: &Path) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let stdout = stdout.and_then(|stdout| stdout.metadata());
    match (stdout, fs::metadata(path)) {
        (Ok(stdout), Ok(path)) => (stdout.dev(), stdout.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}
