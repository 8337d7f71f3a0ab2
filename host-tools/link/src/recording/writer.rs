//! Adds to a recording.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Blocks, HEADER, Kind, Record, sum};

/// A recording that is added to. Each block is whole in the file before the call returns.
pub struct Writer {
    file: File,
    last: Instant,
    dropped: u64,
}

impl Writer {
    /// Opens a recording, or begins one. `InvalidData` if there is a file that is none: it stays
    /// as it is.
    pub fn append(path: &Path) -> io::Result<Writer> {
        let options = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let mut file = options?;
        let bytes = file.metadata()?.len();
        let mut dropped = 0;
        if bytes == 0 {
            file.write_all(&HEADER)?;
        } else {
            let mut blocks = Blocks::new(BufReader::new(&file))?;
            while blocks.next()?.is_some() {}
            let end = blocks.at();
            dropped = bytes.saturating_sub(end);
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
        }
        let mut writer = Writer {
            file,
            last: Instant::now(),
            dropped,
        };
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.map_or(0, |since| since.as_micros() as u64);
        writer.block(Duration::ZERO, Kind::BEGAN, &since.to_le_bytes())?;
        Ok(writer)
    }

    /// Bytes of an unfinished block that were found at the end and taken off.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Keeps what the board said at `now`.
    pub fn heard(&mut self, bytes: &[u8], now: Instant) -> io::Result<()> {
        self.keep(Kind::HEARD, bytes, now)
    }

    fn keep(&mut self, kind: u8, bytes: &[u8], now: Instant) -> io::Result<()> {
        let mut after = now.saturating_duration_since(self.last);
        self.last = self.last.max(now);
        // A block can tell of 71 minutes.
        const MOST: Duration = Duration::from_micros(u32::MAX as u64);
        while after > MOST {
            self.block(MOST, kind, &[])?;
            after -= MOST;
        }
        for piece in bytes.chunks(usize::from(u16::MAX)) {
            self.block(after, kind, piece)?;
            after = Duration::ZERO;
        }
        Ok(())
    }

    fn block(&mut self, after: Duration, kind: u8, payload: &[u8]) -> io::Result<()> {
        let mut block = Vec::with_capacity(super::HEAD + payload.len());
        block.extend((after.as_micros() as u32).to_le_bytes());
        block.extend((payload.len() as u16).to_le_bytes());
        block.extend([kind, 0]);
        block.extend(sum(&block, payload).to_le_bytes());
        block.extend(payload);
        self.file.write_all(&block)
    }
}

impl Record for Writer {
    fn heard(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.keep(Kind::HEARD, bytes, Instant::now())
    }

    fn said(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.keep(Kind::SAID, bytes, Instant::now())
    }
}

/// What is written was heard now.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.keep(Kind::HEARD, bytes, Instant::now())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
