//! Replays a recording at its own or another speed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::{Block, Blocks, is_board_output};
use crate::transport::Speed;

/// A recording as a line: bytes of the board arrive at their recorded times.
pub struct Replay {
    blocks: Blocks<BufReader<File>>,
    speed: Speed,
    start: Instant,
    /// Microseconds of the recording that were played.
    played_us: u64,
    /// Time of the block before, in microseconds; the first block is played at once.
    before_us: Option<u64>,
    rest: Vec<u8>,
    has_begun: bool,
    watcher: Option<Watcher>,
}

/// Sees each block as it is played, and whether a decoder of the board's bytes takes it.
pub type Watcher = Box<dyn FnMut(&Block, bool) + Send>;

impl Replay {
    /// Opens a recording for replay.
    pub fn open(path: &Path, speed: Speed) -> io::Result<Replay> {
        let file = super::open_file(path)?;
        Ok(Replay {
            blocks: Blocks::new(BufReader::new(file))?,
            speed,
            start: Instant::now(),
            played_us: 0,
            before_us: None,
            rest: Vec::new(),
            has_begun: false,
            watcher: None,
        })
    }

    /// Shows `watcher` every block, also those of the other direction, before its bytes are read.
    pub fn watch(&mut self, watcher: Watcher) {
        self.watcher = Some(watcher);
    }

    fn wait(&self) {
        if let Speed::Times(times) = self.speed {
            let due = Duration::from_secs_f64(self.played_us as f64 / 1e6 / times);
            thread::sleep(due.saturating_sub(self.start.elapsed()));
        }
    }
}

impl Read for Replay {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let Some(block) = self.blocks.next()? else {
                return Ok(0);
            };
            // The pause between two sessions is skipped.
            if block.kind.is_line() {
                let before_us = self.before_us.unwrap_or(block.at_us);
                self.played_us += block.at_us.saturating_sub(before_us);
            }
            self.before_us = Some(block.at_us);
            let is_output = is_board_output(&block, &mut self.has_begun);
            if let Some(watcher) = &mut self.watcher {
                watcher(&block, is_output);
            }
            if is_output {
                self.rest = block.payload;
                self.wait();
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}
