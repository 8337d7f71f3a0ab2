//! A recording that is written, as its writer, the thread that flushes it and a keeper of notes share it.

use std::io;
use std::time::Instant;

use super::block::BlockKind;
use super::file::RecordingFile;

/// Microseconds to which times are rounded down. A serial adapter holds bytes back for longer, and the digits below
/// would be noise that no compressor makes smaller.
const RESOLUTION_US: u64 = 1_000;

/// What the writer, its thread and a keeper of notes use.
pub struct SharedFile {
    pub file: RecordingFile,
    /// Time of `start` in microseconds since 1970.
    pub start_us: u64,
    pub start: Instant,
    /// The error of a write on the thread; the next call returns it.
    pub failed: Option<io::Error>,
}

impl SharedFile {
    pub fn put_now(&mut self, kind: BlockKind, payload: &[u8]) -> io::Result<()> {
        self.put_at(kind, payload, Instant::now())
    }

    pub fn put_at(&mut self, kind: BlockKind, payload: &[u8], now: Instant) -> io::Result<()> {
        let since = now.saturating_duration_since(self.start);
        let at_us = self.start_us.saturating_add(since.as_micros() as u64);
        let put = self.file.put(kind, payload, at_us - at_us % RESOLUTION_US);
        self.failed.take().map_or(put, Err)
    }

    /// Writes what is waiting.
    pub fn flush(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), Err)?;
        self.file.flush()
    }
}
