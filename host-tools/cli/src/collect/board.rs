//! One board of a farm: its line is recorded, its faults are counted.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};

use anyhow::Context;
use link::recording::{RecordingSink, Writer};
use model::Ledger;
use model::live::Update;

use super::farm::{Farm, FarmBoard};
use super::metrics::FarmMetrics;
use super::{LOOK, StopFlag};
use crate::dash::event_source::{self, EventSource, SourceOptions};

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

/// The writer of a recording; its size is a metric. A full disk does not end a farm: what arrives meanwhile is
/// lost, and recording goes on when there is room.
struct CountedFaults {
    writer: Writer,
    name: String,
    metrics: Arc<FarmMetrics>,
    is_failing: bool,
}

impl CountedFaults {
    fn note(&mut self, kept: std::io::Result<()>) -> std::io::Result<()> {
        let (bytes, _) = self.writer.progress();
        self.metrics.recorded(&self.name, bytes, kept.is_ok());
        match kept {
            Err(error) if !std::mem::replace(&mut self.is_failing, true) => {
                eprintln!(
                    "warning: {}: cannot record ({error}); what arrives is lost until it can",
                    self.name
                );
            }
            Err(_) => {}
            Ok(()) => self.is_failing = false,
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
            silent: board.silent,
            once: false,
            typed: board.typed.clone(),
            record: Some(Box::new(CountedFaults {
                writer,
                name: board.name.clone(),
                metrics: Arc::clone(metrics),
                is_failing: false,
            })),
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
