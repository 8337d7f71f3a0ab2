//! Standard output: answers only, in large writes. Standard error: notes, a line each.

use std::fmt::Arguments;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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

/// Says something on stderr, in one write. One that is closed or full ends nothing.
pub fn note(text: Arguments) {
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}

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
