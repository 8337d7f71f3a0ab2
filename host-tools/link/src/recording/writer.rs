//! Appends to a recording.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{BlockKind, Blocks, HEADER, RecordingSink, named, sum};

/// A recording open for appending. Each block is completely written before the call returns.
pub struct Writer {
    file: File,
    path: PathBuf,
    /// Offset of the end of the last whole block.
    end: u64,
    last: Instant,
    dropped: u64,
}

impl Writer {
    /// Opens or creates a recording. `InvalidData` for another kind of file, which stays unchanged.
    pub fn append(path: &Path) -> io::Result<Writer> {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).map_err(named(path))?;
        let (end, dropped) = last_end(&mut file).map_err(named(path))?;
        let mut writer = Writer {
            file,
            path: path.to_owned(),
            end,
            last: Instant::now(),
            dropped,
        };
        if end == 0 {
            writer.write_whole(&HEADER)?;
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let since = since.map_or(0, |since| since.as_micros() as u64);
        writer.block(Duration::ZERO, BlockKind::STARTED, &since.to_le_bytes())?;
        Ok(writer)
    }

    /// Number of bytes of an unfinished block that were removed at the end.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Appends bytes that were received at `now`.
    pub fn received_at(&mut self, bytes: &[u8], now: Instant) -> io::Result<()> {
        self.keep(BlockKind::RECEIVED, bytes, now)
    }

    fn keep(&mut self, kind: u8, bytes: &[u8], now: Instant) -> io::Result<()> {
        let mut after = now.saturating_duration_since(self.last);
        self.last = self.last.max(now);
        // A block's time field holds up to 71 minutes.
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
        self.write_whole(&block)
    }

    /// Appends a block; a partial write is removed again.
    fn write_whole(&mut self, block: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(block) {
            // A reader treats an unfinished block as truncation, so it does no harm.
            let _ = self.file.set_len(self.end);
            return Err(named(&self.path)(error));
        }
        self.end += block.len() as u64;
        Ok(())
    }
}

/// Seeks to the end of the last whole block and removes what follows; returns that offset and the number of
/// bytes removed. `InvalidData` if it is not a recording.
fn last_end(file: &mut File) -> io::Result<(u64, u64)> {
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok((0, 0));
    }
    let mut blocks = Blocks::new(BufReader::new(&*file))?;
    while blocks.next()?.is_some() {}
    let end = blocks.at();
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    Ok((end, bytes.saturating_sub(end)))
}

impl RecordingSink for Writer {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.keep(BlockKind::RECEIVED, bytes, Instant::now())
    }

    fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.keep(BlockKind::SENT, bytes, Instant::now())
    }
}

/// Bytes written count as received now.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.keep(BlockKind::RECEIVED, bytes, Instant::now())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
