//! A recording as a file: chunks are appended, a partial one is removed again.

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::block::{Block, BlockKind, started};
use super::body::BodyModel;
use super::chunk::{ChunkHead, ChunkKind, HEAD, Packer, chunk};
use super::index::SegmentIndex;
use super::reader::Blocks;
use super::{HEADER, named};

/// Received bytes of the same direction within that time are one block: microseconds.
const JOINED_US: u64 = 1_000;
/// Bytes of payload after which a chunk is written without waiting for its time.
const CHUNK: usize = 1 << 18;
/// Bytes of payload after which a segment ends.
const SEGMENT: usize = 1 << 20;

/// Bytes of payload that wait at most while the disk is full.
const KEPT: usize = 4 << 20;
/// A recording that was just closed is free after a moment: how often and how long it is waited for.
const LOCK_TRIES: u32 = 20;
const LOCK_WAIT: Duration = Duration::from_millis(50);

/// Microseconds of a day.
const DAY_US: u64 = 86_400_000_000;

/// A recording that is written, with the times that its caller gives.
pub struct RecordingFile {
    file: File,
    path: PathBuf,
    /// Offset of the end of the last whole chunk.
    end: u64,
    blocks: Vec<Block>,
    waiting_bytes: usize,
    segment_bytes: usize,
    packer: Packer,
    model: BodyModel,
    index: SegmentIndex,
    /// The last welcome of the board, as a frame.
    welcome: Option<Vec<u8>>,
    /// Size in bytes at which the file is put aside; so is one of another day.
    rotate_at: Option<u64>,
    is_ended: bool,
    faults: u64,
    /// Whether the last write failed: what waits is tried again at the next flush.
    is_failing: bool,
    lost: u64,
    /// Time of the last block.
    last_us: u64,
}

impl RecordingFile {
    /// Creates a recording, or replaces what was there. `ResourceBusy` if another program writes it.
    pub fn create(path: &Path) -> io::Result<RecordingFile> {
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(path).map_err(named(path))?;
        lock(&file, path)?;
        // A device has no length: what it refuses, it refuses when it is written.
        if file.metadata().map_err(named(path))?.is_file() {
            file.set_len(0).map_err(named(path))?;
        }
        let mut recording = RecordingFile::of(file, path, 0, SegmentIndex::default());
        recording.write_whole(&HEADER)?;
        Ok(recording)
    }

    /// Opens or creates a recording to append to, and the number of bytes of an unfinished chunk that were
    /// removed. One of version 1 is rewritten first. `InvalidData` for another kind of file, which stays
    /// unchanged; `ResourceBusy` if another program writes it.
    pub fn append(path: &Path) -> io::Result<(RecordingFile, u64)> {
        RecordingFile::open(path, true)
    }

    /// The same for a recording that is there already.
    pub fn append_existing(path: &Path) -> io::Result<RecordingFile> {
        Ok(RecordingFile::open(path, false)?.0)
    }

    fn open(path: &Path, create: bool) -> io::Result<(RecordingFile, u64)> {
        let mut options = File::options();
        options
            .read(true)
            .write(true)
            .create(create)
            .truncate(false);
        let mut file = options.open(path).map_err(named(path))?;
        lock(&file, path)?;
        let bytes = file.metadata().map_err(named(path))?.len();
        if bytes == 0 {
            let mut recording = RecordingFile::of(file, path, 0, SegmentIndex::default());
            recording.write_whole(&HEADER)?;
            return Ok((recording, 0));
        }
        let mut blocks = Blocks::new(BufReader::new(&file)).map_err(named(path))?;
        let is_old = blocks.is_old();
        // What the index says cannot be trusted for the end: bytes may follow it.
        let mut last_us = 0;
        while let Some(block) = blocks.next().map_err(named(path))? {
            last_us = block.at_us;
        }
        let end = blocks.at();
        if is_old {
            drop(blocks);
            return Ok((rewrite(path)?, bytes.saturating_sub(end)));
        }
        file.set_len(end).map_err(named(path))?;
        let index = SegmentIndex::walk(&mut file).map_err(named(path))?;
        file.seek(SeekFrom::Start(end)).map_err(named(path))?;
        let mut recording = RecordingFile::of(file, path, end, index);
        recording.last_us = last_us;
        Ok((recording, bytes.saturating_sub(end)))
    }

    fn of(file: File, path: &Path, end: u64, index: SegmentIndex) -> RecordingFile {
        RecordingFile {
            file,
            path: path.to_owned(),
            end,
            blocks: Vec::new(),
            waiting_bytes: 0,
            segment_bytes: SEGMENT,
            packer: Packer::default(),
            model: BodyModel::default(),
            index,
            welcome: None,
            rotate_at: None,
            is_ended: false,
            faults: 0,
            is_failing: false,
            lost: 0,
            last_us: 0,
        }
    }

    /// Puts the file aside, as `RUN.1.pwlog` and so on, when it has this size in bytes.
    pub fn rotate_at(&mut self, bytes: u64) {
        self.rotate_at = Some(bytes);
    }

    /// Bytes of the file so far.
    pub fn bytes(&self) -> u64 {
        self.end
    }

    /// Time of the last block, in microseconds since 1970; 0 without one.
    pub fn last_us(&self) -> u64 {
        self.last_us
    }

    /// Fault records in frames, as far as they are written.
    pub fn faults(&self) -> u64 {
        self.faults
    }

    /// Whether the last write failed, as on a full disk.
    pub fn is_failing(&self) -> bool {
        self.is_failing
    }

    /// Bytes that were dropped, because writes failed while more arrived than can wait.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Appends a block; times do not go back. It is in the file after [`RecordingFile::flush`].
    pub fn put(&mut self, kind: BlockKind, payload: &[u8], at_us: u64) -> io::Result<()> {
        self.is_ended = false;
        self.last_us = at_us;
        self.waiting_bytes += payload.len();
        match self.blocks.last_mut() {
            Some(last)
                if last.kind == kind
                    && kind.is_line()
                    && at_us.saturating_sub(last.at_us) < JOINED_US =>
            {
                last.payload.extend(payload);
            }
            _ => self.blocks.push(Block {
                at_us,
                kind,
                payload: payload.to_vec(),
            }),
        }
        if self.is_failing {
            // To compress all of it again for every byte that arrives would take the processor, too.
            self.forget_oldest();
        } else if self.waiting_bytes >= CHUNK {
            self.flush()?;
        }
        Ok(())
    }

    /// While the disk is full: makes room for what arrives now.
    fn forget_oldest(&mut self) {
        if self.waiting_bytes <= KEPT {
            return;
        }
        let mut excess = self.waiting_bytes - KEPT / 2;
        let is_old = |block: &Block| {
            let goes = excess > 0;
            excess = excess.saturating_sub(block.payload.len());
            goes
        };
        let count = self
            .blocks
            .iter()
            .map(is_old)
            .take_while(|goes| *goes)
            .count();
        let dropped = bytes_of(self.blocks.drain(..count).as_slice());
        self.waiting_bytes -= dropped;
        self.lost += dropped as u64;
    }

    /// Writes what is waiting, as a chunk. After an error it waits still, up to a limit: the next call tries
    /// again.
    pub fn flush(&mut self) -> io::Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let written = self.write_waiting();
        self.is_failing = written.is_err();
        if self.is_failing {
            // The compressor is ahead of the file: what follows must not refer to what is not there.
            self.segment_bytes = SEGMENT;
        }
        written
    }

    fn write_waiting(&mut self) -> io::Result<()> {
        if self.rotate_at.is_some_and(|most| self.end >= most) || self.is_of_another_day() {
            self.rotate()?;
        }
        while !self.blocks.is_empty() {
            let mut blocks = std::mem::take(&mut self.blocks);
            // A body of a gigabyte, from one call with as much, is more than a reader accepts.
            let rest = match self.waiting_bytes > 4 * CHUNK {
                true => split(&mut blocks),
                false => Vec::new(),
            };
            let payload = bytes_of(&blocks);
            self.segment_bytes += payload;
            let written = self.write_chunk(&mut blocks);
            if written.is_err() {
                blocks.extend(rest);
                self.blocks = blocks;
                return written;
            }
            self.waiting_bytes -= payload;
            self.blocks = rest;
        }
        Ok(())
    }

    /// Adds to the blocks what a reader that begins with them needs; a failed write takes it out again.
    fn write_chunk(&mut self, blocks: &mut Vec<Block>) -> io::Result<()> {
        let is_first = self.segment_bytes >= SEGMENT;
        let context = self.welcome.clone().filter(|_| is_first);
        let has_context = context.is_some();
        if let Some(payload) = context {
            let at_us = blocks.first().map_or(0, |block| block.at_us);
            let kind = BlockKind::Context;
            blocks.insert(
                0,
                Block {
                    at_us,
                    kind,
                    payload,
                },
            );
        }
        let written = self.write_body(blocks, is_first);
        if has_context {
            blocks.remove(0);
        }
        written
    }

    fn write_body(&mut self, blocks: &[Block], is_first: bool) -> io::Result<()> {
        let mut kind = ChunkKind::Next;
        let start_us = blocks.first().map_or(0, |block| block.at_us);
        if is_first {
            (kind, self.segment_bytes) = (ChunkKind::First, 0);
            self.packer.restart();
            self.model = BodyModel::default();
        }
        let (body, facts) = self.model.encode(start_us, blocks);
        let packed = self.packer.pack(&body);
        let bytes = chunk(kind, start_us, facts.faults, body.len(), &packed);
        let offset = self.end;
        self.write_whole(&bytes)?;
        self.welcome = facts.welcome.or(self.welcome.take());
        self.faults += u64::from(facts.faults);
        if let Some(head) = bytes.first_chunk::<HEAD>() {
            self.index.add(offset, &ChunkHead::decode(head));
        }
        Ok(())
    }

    /// Writes what is waiting, and the index: the recording is complete. More may still be appended.
    pub fn end(&mut self) -> io::Result<()> {
        self.flush()?;
        if !self.is_ended {
            let index = self.index.chunk(self.end);
            self.write_whole(&index)?;
            (self.is_ended, self.segment_bytes) = (true, SEGMENT);
        }
        Ok(())
    }

    /// Whether the file began on another day (UTC) than what is waiting, and is to be put aside for that.
    fn is_of_another_day(&self) -> bool {
        let day = |at_us: u64| at_us / DAY_US;
        let (first, next) = (self.index.0.first(), self.blocks.first());
        self.rotate_at.is_some()
            && first
                .zip(next)
                .is_some_and(|(first, next)| day(first.start_us) != day(next.at_us))
    }

    /// Gives the file the next free name, and its own to a new one.
    fn put_aside_for_next(&self) -> io::Result<RecordingFile> {
        let aside = free_name(&self.path);
        std::fs::rename(&self.path, &aside).map_err(named(&aside))?;
        RecordingFile::create(&self.path).inspect_err(|_| {
            // On a full disk: the recording keeps its name, and is put aside when there is room.
            let _ = std::fs::rename(&aside, &self.path);
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let before = self.end;
        let index = self.index.chunk(before);
        self.write_whole(&index)?;
        let next = self.put_aside_for_next();
        let mut next = next.inspect_err(|_| {
            // It goes on, and gets its index when it is put aside.
            let _ = self.file.set_len(before);
            let _ = self.file.seek(SeekFrom::Start(before));
            self.end = before;
        })?;
        next.rotate_at = self.rotate_at;
        (next.lost, next.is_failing) = (self.lost, self.is_failing);
        next.welcome = self.welcome.take();
        next.blocks = std::mem::take(&mut self.blocks);
        next.faults = self.faults;
        next.last_us = self.last_us;
        let started_us = next.blocks.first().map_or(0, |block| block.at_us);
        next.blocks.insert(0, started(started_us));
        next.waiting_bytes = bytes_of(&next.blocks);
        self.is_ended = true;
        *self = next;
        Ok(())
    }

    /// Appends bytes; a partial write is removed again.
    fn write_whole(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // A reader treats an unfinished chunk as truncation, so it does no harm.
            let _ = self.file.set_len(self.end);
            let _ = self.file.seek(SeekFrom::Start(self.end));
            return Err(named(&self.path)(error));
        }
        self.end += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for RecordingFile {
    fn drop(&mut self) {
        // A caller that needs to know calls `end`.
        let _ = self.end();
    }
}

fn bytes_of(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.payload.len()).sum()
}

/// Two programs that append to one recording would write over each other. One that was killed holds no lock.
fn lock(file: &File, path: &Path) -> io::Result<()> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_WAIT),
            // A file system that has no locks.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                return Ok(());
            }
            Err(TryLockError::Error(error)) => return Err(named(path)(error)),
        }
    }
    let busy = io::Error::new(ErrorKind::ResourceBusy, "another program is writing it");
    Err(named(path)(busy))
}

/// Splits the blocks where about [`CHUNK`] bytes are reached; returns the rest.
fn split(blocks: &mut Vec<Block>) -> Vec<Block> {
    let mut room = CHUNK;
    let place = blocks.iter().position(|block| {
        let fits = block.payload.len() <= room;
        room = room.saturating_sub(block.payload.len());
        !fits
    });
    let Some(place) = place else {
        return Vec::new();
    };
    let mut rest = blocks.split_off(place);
    // A block of several chunks: its first part stays.
    if let (0, Some(first)) = (place, rest.first_mut()) {
        let tail = first.payload.split_off(CHUNK);
        blocks.push(Block {
            payload: std::mem::replace(&mut first.payload, tail),
            ..*first
        });
    }
    rest
}

/// Puts a recording aside, as rotation does, and returns its new name; `None` if there is none.
pub fn put_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if !path.exists() {
        return Ok(None);
    }
    let aside = free_name(path);
    std::fs::rename(path, &aside).map_err(named(&aside))?;
    Ok(Some(aside))
}

/// The first of `RUN.1.pwlog`, `RUN.2.pwlog`, … that does not exist.
fn free_name(path: &Path) -> PathBuf {
    let number = |number: u32| {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        path.with_extension(format!("{number}.{extension}"))
    };
    let mut names = (1..u32::MAX).map(number);
    names
        .find(|name| !name.exists())
        .unwrap_or_else(|| number(u32::MAX))
}

/// Rewrites a recording of version 1 beside itself, and puts it in its place.
fn rewrite(path: &Path) -> io::Result<RecordingFile> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = path.with_file_name(name);
    let mut blocks = Blocks::open(path)?;
    let copy = || -> io::Result<RecordingFile> {
        let mut new = RecordingFile::create(&beside)?;
        while let Some(block) = blocks.next()? {
            new.put(block.kind, &block.payload, block.at_us)?;
        }
        new.flush()?;
        std::fs::rename(&beside, path).map_err(named(path))?;
        new.path = path.to_owned();
        Ok(new)
    };
    let mut copy = copy;
    let result = copy();
    if let Err(error) = &result
        && error.kind() != ErrorKind::NotFound
    {
        let _ = std::fs::remove_file(&beside);
    }
    result
}
