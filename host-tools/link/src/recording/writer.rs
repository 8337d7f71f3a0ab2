//! Appends to a recording what arrives now.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::RecordingSink;
use super::block::{BlockKind, started};
use super::file::RecordingFile;
use super::note::NoteKeeper;
use super::shared::SharedFile;

/// What is waiting is written that often: a program that is killed loses less than a second. Each time costs some
/// fifty bytes of the file.
const FLUSH: Duration = Duration::from_millis(800);

/// A recording open for appending. What is appended is in the file within a second.
pub struct Writer {
    shared: Arc<Mutex<SharedFile>>,
    path: PathBuf,
    dropped: u64,
}

impl Writer {
    /// Opens or creates a recording. `InvalidData` for another kind of file, which stays unchanged.
    pub fn append(path: &Path) -> io::Result<Writer> {
        Writer::open(path, None)
    }

    /// The same; the file is put aside as `RUN.1.pwlog` and so on when it has that size in bytes.
    pub fn append_rotated(path: &Path, bytes: u64) -> io::Result<Writer> {
        Writer::open(path, Some(bytes))
    }

    fn open(path: &Path, rotate_at: Option<u64>) -> io::Result<Writer> {
        let (mut file, dropped) = RecordingFile::append(path)?;
        if let Some(bytes) = rotate_at {
            file.rotate_at(bytes);
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let start_us = since.map_or(0, |since| since.as_micros() as u64);
        let begin = started(start_us);
        file.put(begin.kind, &begin.payload, start_us)?;
        file.flush()?;
        let shared = Arc::new(Mutex::new(SharedFile {
            file,
            start_us,
            start: Instant::now(),
            failed: None,
        }));
        let weak = Arc::downgrade(&shared);
        thread::spawn(move || flush_on(&weak));
        Ok(Writer {
            shared,
            path: path.to_owned(),
            dropped,
        })
    }

    /// Number of bytes of an unfinished chunk that were removed at the end.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Appends notes to this recording, as long as it is written.
    pub fn notes(&self) -> NoteKeeper {
        NoteKeeper::of_writer(Arc::downgrade(&self.shared), self.path.clone())
    }

    /// Bytes of the file, and fault records in frames that this writer has written to it.
    pub fn progress(&self) -> (u64, u64) {
        let shared = lock(&self.shared);
        (shared.file.bytes(), shared.file.faults())
    }

    /// Whether the last write failed, as on a full disk; what arrives waits, and is written when there is room.
    pub fn is_failing(&self) -> bool {
        lock(&self.shared).file.is_failing()
    }

    /// Bytes that were dropped, because writes failed while more arrived than can wait.
    pub fn lost(&self) -> u64 {
        lock(&self.shared).file.lost()
    }

    /// Appends bytes that were received at `now`.
    pub fn received_at(&mut self, bytes: &[u8], now: Instant) -> io::Result<()> {
        self.put_at(BlockKind::Received, bytes, now)
    }

    /// Appends a block of any kind, as of now.
    pub fn put(&mut self, kind: BlockKind, payload: &[u8]) -> io::Result<()> {
        self.put_at(kind, payload, Instant::now())
    }

    fn put_at(&mut self, kind: BlockKind, payload: &[u8], now: Instant) -> io::Result<()> {
        lock(&self.shared).put_at(kind, payload, now)
    }

    /// Writes what is waiting.
    pub fn sync(&mut self) -> io::Result<()> {
        lock(&self.shared).flush()
    }
}

fn lock(shared: &Mutex<SharedFile>) -> MutexGuard<'_, SharedFile> {
    // A panic elsewhere is no reason to lose what was recorded.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Flushes until the writer is gone.
fn flush_on(shared: &Weak<Mutex<SharedFile>>) {
    loop {
        thread::sleep(FLUSH);
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let mut shared = lock(&shared);
        // What failed before is written with it, and no error any more.
        shared.failed = shared.file.flush().err();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Not left to the thread, which may hold it for a moment longer.
        let _ = lock(&self.shared).file.end();
    }
}

impl RecordingSink for Writer {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(BlockKind::Received, bytes)
    }

    fn sent(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.put(BlockKind::Sent, bytes)
    }
}

/// Bytes written count as received now.
impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.put(BlockKind::Received, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sync()
    }
}
