//! Output without a terminal: one line per fault, with the board's text in between.

use std::io::{self, BufWriter, Write};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::bail;
use model::Live;
use model::live::Update;
use view::words::counted;

use super::event_source::notice;
use crate::ending;

/// Interval at which the stop flag is checked.
const LOOK: Duration = Duration::from_millis(100);

/// Prints until the line ends; totals follow on standard error.
pub fn print(name: &str, updates: Receiver<Update>) -> anyhow::Result<()> {
    let mut live = Live::default();
    let mut out = BufWriter::new(io::stdout().lock());
    let mut next = 1;
    let stop = ending::watch();
    while !live.ended && !stop.load(Ordering::Relaxed) {
        let first = match updates.recv_timeout(LOOK) {
            Ok(first) => first,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        // Queued updates are written together.
        for update in std::iter::once(first).chain(updates.try_iter()) {
            if let Update::Text(line) = &update {
                writeln!(out, "{}", view::words::printable(line))?;
            }
            if let Some(what) = notice(&update) {
                // After the board's earlier output.
                out.flush()?;
                eprintln!("note: {name}: {what}");
            }
            live.apply(update);
            for row in live.rows_from(next) {
                view::live::line(&mut out, row)?;
                next = row.id + 1;
            }
        }
        out.flush()?;
    }
    eprintln!(
        "note: {}, {} lost, {} received again, {}",
        counted(live.received(), "fault", "faults"),
        live.lost(),
        live.repeated(),
        counted(live.boots(), "boot", "boots")
    );
    match live.trouble {
        Some(trouble) if live.ended => bail!(trouble),
        _ => Ok(()),
    }
}
