//! No terminal: a line for each fault as it comes, text between them as it came.

use std::io::{self, BufWriter, Write};
use std::sync::mpsc::Receiver;

use anyhow::bail;
use model::Live;
use model::live::Update;

/// Prints until the line ends; totals follow on standard error.
pub fn print(updates: Receiver<Update>) -> anyhow::Result<()> {
    let mut live = Live::default();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut next = 1;
    while let Ok(first) = updates.recv() {
        // What waits already is written together.
        for update in std::iter::once(first).chain(updates.try_iter()) {
            if let Update::Text(line) = &update {
                writeln!(out, "{}", view::words::printable(line))?;
            }
            live.apply(update);
            for row in live.rows_from(next) {
                view::live::line(&mut out, row)?;
                next = row.id + 1;
            }
        }
        out.flush()?;
        if live.ended {
            break;
        }
    }
    eprintln!(
        "note: {} faults, {} lost, {} received again, {} {}",
        live.received(),
        live.lost(),
        live.repeated(),
        live.boots(),
        if live.boots() == 1 { "boot" } else { "boots" }
    );
    match live.trouble {
        Some(trouble) => bail!(trouble),
        None => Ok(()),
    }
}
