//! Standard output: answers only, in large writes.

use std::io::{self, BufWriter, Write};

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
