//! One board of a farm: its line is recorded, its faults are counted.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use anyhow::Context;
use link::recording::{RecordingSink, Writer};
use model::Ledger;
use model::live::Update;
use view::words::counted;

use super::farm::{Farm, FarmBoard};
use super::metrics::FarmMetrics;
use super::{LOOK, StopFlag};
use crate::dash::event_source::{self, EventSource, Questions, SourceOptions};

/// Rows kept to recognize repetitions: more than a board sends again.
const KEPT: usize = 4096;

/// Records one board.
pub struct BoardCollector {
    name: String,
    feed: EventSource,
    updates: Receiver<Update>,
    ledger: Ledger,
    metrics: Arc<FarmMetrics>,
}

/// The writer of a recording; its size is a metric. A full disk does not end a farm: what arrives meanwhile
/// waits in memory, up to a limit, and is written when there is room.
struct CountedFaults {
    writer: Writer,
    name: String,
    metrics: Arc<FarmMetrics>,
    is_failing: bool,
    /// Bytes that were lost before the last note about it.
    lost: u64,
}

impl CountedFaults {
    fn note(&mut self, kept: std::io::Result<()>) -> std::io::Result<()> {
        let (name, writer) = (&self.name, &self.writer);
        let (bytes, _) = writer.progress();
        self.metrics.recorded(name, bytes, kept.is_ok());
        let was_failing = std::mem::replace(&mut self.is_failing, writer.is_failing());
        match kept {
            Err(error) if !was_failing => {
                self.is_failing = true;
                eprintln!(
                    "warning: {name}: cannot record ({error}); what arrives waits until it can, 4 MiB at most"
                );
            }
            Ok(()) if was_failing && !self.is_failing => {
                let lost = writer.lost() - std::mem::replace(&mut self.lost, writer.lost());
                let gap = match lost {
                    0 => "without a gap".to_owned(),
                    lost => format!("with a gap of {}", counted(lost, "byte", "bytes")),
                };
                eprintln!("note: {name}: records again, {gap}");
            }
            _ => {}
        }
        Ok(())
    }
}

impl RecordingSink for CountedFaults {
    fn received(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let kept = self.writer.received(bytes);
        self.note(kept)
    }

    fn sent(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let kept = self.writer.sent(bytes);
        self.note(kept)
    }
}

impl BoardCollector {
    /// Opens the recording, and starts to listen.
    pub fn open(
        farm: &Farm,
        board: &FarmBoard,
        metrics: &Arc<FarmMetrics>,
    ) -> anyhow::Result<BoardCollector> {
        let path = farm.recording(&board.name);
        let writer = Writer::append_rotated(&path, farm.rotate)?;
        if writer.dropped() > 0 {
            eprintln!(
                "warning: {}: {} bytes at its end were unfinished",
                path.display(),
                writer.dropped()
            );
        }
        let options = SourceOptions {
            questions: Questions::Alive,
            silent: board.silent,
            once: false,
            typed: board.typed.clone(),
            record: Some(Box::new(CountedFaults {
                writer,
                name: board.name.clone(),
                metrics: Arc::clone(metrics),
                is_failing: false,
                lost: 0,
            })),
            notes: None,
        };
        let feed = event_source::start(&board.line, options);
        let mut feed = feed.with_context(|| format!("boards.{}", board.name))?;
        metrics.board(&board.name);
        Ok(BoardCollector {
            name: board.name.clone(),
            updates: feed.take(),
            feed,
            ledger: Ledger::bounded(KEPT),
            metrics: Arc::clone(metrics),
        })
    }

    /// Counts until the line has ended for good, or the flag is set.
    pub fn run(mut self, stop: StopFlag) {
        while !stop.load(std::sync::atomic::Ordering::Relaxed) {
            match self.updates.recv_timeout(LOOK) {
                Ok(Update::Ended(trouble)) => {
                    let why = trouble.unwrap_or_else(|| "the line has ended".to_owned());
                    eprintln!("note: {}: {why}", self.name);
                    break;
                }
                Ok(update) => self.take(update),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.metrics.up(&self.name, false);
        // The receiver is closed first: the sender must not block on it.
        drop(self.updates);
        drop(self.feed);
    }

    fn take(&mut self, update: Update) {
        if let Some(what) = event_source::notice(&update) {
            eprintln!("note: {}: {what}", self.name);
        }
        match update {
            Update::Fault(sighting) => {
                if self.ledger.add(sighting) {
                    self.metrics.fault(&self.name, sighting.fault.cause());
                }
                self.metrics
                    .lost_of(&self.name, self.ledger.lost(), self.ledger.boots());
            }
            Update::Trouble(_) => self.metrics.up(&self.name, false),
            Update::Board { .. } | Update::Text(_) | Update::Returned(_) => {
                self.metrics.up(&self.name, true);
            }
            _ => {}
        }
    }
}
