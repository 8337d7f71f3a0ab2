//! Standard output has results only, in large writes. Standard error has notes, one per line.

use std::fmt::Arguments;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::builder::styling::{AnsiColor, Style};

use crate::verbosity;

/// Calls `write` with a buffered stdout and flushes it.
pub fn answer<E: From<io::Error>>(
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    // The output before an error is written too.
    let written = write(&mut out);
    out.flush()?;
    written
}

/// Prints a note to stderr in one write; errors of stderr are ignored. With --quiet only warnings and errors
/// are printed.
pub fn note(text: Arguments) {
    let text = text.to_string();
    let found = KINDS.iter().find(|(kind, _)| text.starts_with(kind));
    let is_serious = found.is_some_and(|(kind, _)| *kind != "note:");
    if verbosity::is_quiet() && !is_serious {
        return;
    }
    match found.filter(|_| verbosity::is_coloured()) {
        Some((kind, style)) => {
            let rest = &text[kind.len()..];
            say(&format!("{style}{kind}{style:#}{rest}"));
        }
        None => say(&text),
    }
}

/// Prints a line with `-v`.
pub fn detail(text: Arguments) {
    if verbosity::is_verbose() {
        say(&format!("{text}\n"));
    }
}

/// Prints a question, even with --quiet.
pub fn ask(text: Arguments) {
    say(&text.to_string());
}

fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Prefixes of lines on stderr, and their colours as in clap.
const KINDS: [(&str, Style); 3] = [
    ("error:", AnsiColor::Red.on_default().bold()),
    ("warning:", AnsiColor::Yellow.on_default().bold()),
    ("note:", AnsiColor::Cyan.on_default().bold()),
];

/// Prints a summary: on stdout, or on stderr if stdout is the output itself.
pub fn summary<E: From<io::Error>>(
    made: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    if is_stdout(made) {
        return write(&mut io::stderr());
    }
    answer(write)
}

/// Whether the path is /dev/stdout under any name.
fn is_stdout(path: &Path) -> bool {
    let stdout = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    let stdout = stdout.and_then(|stdout| stdout.metadata());
    match (stdout, fs::metadata(path)) {
        (Ok(stdout), Ok(path)) => (stdout.dev(), stdout.ino()) == (path.dev(), path.ino()),
        _ => false,
    }
}
