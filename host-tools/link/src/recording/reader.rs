//! A recording, read block by block.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::block::{Block, is_board_output};
use super::body::BodyModel;
use super::chunk::{ChunkHead, ChunkKind, HEAD, Unpacker};
use super::fill::fill;
use super::index::SegmentIndex;
use super::{HEADER, MAGIC, OLD_HEADER, old};

/// Iterates over the blocks of a recording.
pub struct Blocks<R> {
    from: R,
    is_old: bool,
    at: u64,
    cut: bool,
    /// Time of the last block.
    last_us: u64,
    waiting: VecDeque<Block>,
    unpacker: Unpacker,
    model: BodyModel,
    /// Whether a segment has begun: a chunk within one cannot be read without those before.
    has_begun: bool,
}

impl<R: Read> Blocks<R> {
    /// Reads the header; `InvalidData` if it is not a recording.
    pub fn new(mut from: R) -> io::Result<Blocks<R>> {
        let mut header = [0; HEADER.len()];
        let read = fill(&mut from, &mut header)?;
        if header[..read] != HEADER && header[..read] != OLD_HEADER {
            let what = if header.starts_with(MAGIC) {
                "a recording of a version that this program does not know"
            } else {
                "no recording of Pagewalk's"
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Blocks {
            from,
            is_old: header == OLD_HEADER,
            at: HEADER.len() as u64,
            cut: false,
            last_us: 0,
            waiting: VecDeque::new(),
            unpacker: Unpacker::default(),
            model: BodyModel::default(),
            has_begun: false,
        })
    }

    /// The next block; `None` at the end, or at a truncated or damaged part.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would go on after an error"
    )]
    pub fn next(&mut self) -> io::Result<Option<Block>> {
        while self.waiting.is_empty() && !self.cut {
            let goes_on = match self.is_old {
                true => self.old_block()?,
                false => self.chunk()?,
            };
            if !goes_on {
                break;
            }
        }
        let block = self.waiting.pop_front();
        self.last_us = block.as_ref().map_or(self.last_us, |block| block.at_us);
        Ok(block)
    }

    fn old_block(&mut self) -> io::Result<bool> {
        match old::next(&mut self.from, self.last_us)? {
            None => return Ok(false),
            Some(Err(())) => self.cut = true,
            Some(Ok((block, length))) => {
                self.at += length;
                self.waiting.push_back(block);
            }
        }
        Ok(true)
    }

    /// Reads the next chunk; false at the end.
    fn chunk(&mut self) -> io::Result<bool> {
        let mut head = [0; HEAD];
        let read = fill(&mut self.from, &mut head)?;
        if read == 0 {
            return Ok(false);
        }
        self.cut = true;
        let head_of = ChunkHead::decode(&head);
        if read < HEAD || !head_of.is_plausible() {
            return Ok(true);
        }
        let mut packed = vec![0; head_of.packed as usize];
        let is_whole = fill(&mut self.from, &mut packed)? == packed.len();
        if !is_whole || !head_of.matches(&packed) {
            return Ok(true);
        }
        match head_of.kind {
            ChunkKind::First => {
                self.unpacker.restart();
                (self.model, self.has_begun) = (BodyModel::default(), true);
            }
            ChunkKind::Next if self.has_begun => {}
            ChunkKind::Next | ChunkKind::Index | ChunkKind::Other(_) => {
                self.cut = false;
                self.at += (HEAD + packed.len()) as u64;
                return Ok(true);
            }
        }
        let body = self.unpacker.unpack(&packed, head_of.length as usize);
        let blocks = body.and_then(|body| self.model.decode(head_of.start_us, &body));
        if let Some(blocks) = blocks {
            self.cut = false;
            self.at += (HEAD + packed.len()) as u64;
            self.waiting.extend(blocks);
        }
        Ok(true)
    }

    /// Offset of the end of the last whole part, if other bytes follow it.
    pub fn cut_at(&self) -> Option<u64> {
        self.cut.then_some(self.at)
    }

    /// Offset of what is read next, in bytes.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether the file is of version 1.
    pub fn is_old(&self) -> bool {
        self.is_old
    }
}

impl Blocks<BufReader<File>> {
    /// Opens a recording; of a compressed file its content. Errors contain the path.
    pub fn open(path: &Path) -> io::Result<Blocks<BufReader<File>>> {
        let open = || Blocks::new(BufReader::new(super::open_file(path)?));
        open().map_err(super::named(path))
    }

    /// Goes on at the last segment that begins at this time or before. A recording of version 1 has no
    /// segments, and is read from where it is.
    pub fn seek(&mut self, at_us: u64) -> io::Result<()> {
        if self.is_old {
            return Ok(());
        }
        let index = SegmentIndex::read(&mut self.from)?;
        self.at = index
            .before(at_us)
            .map_or(HEADER.len() as u64, |it| it.offset);
        self.from.seek(SeekFrom::Start(self.at))?;
        (self.cut, self.has_begun) = (false, false);
        self.waiting.clear();
        Ok(())
    }
}

/// The received bytes without times. A truncated file ends at its last whole part.
pub struct ReceivedBytes<R> {
    blocks: Blocks<R>,
    rest: Vec<u8>,
    has_begun: bool,
}

impl<R: Read> ReceivedBytes<R> {
    /// A reader over the blocks.
    pub fn new(blocks: Blocks<R>) -> ReceivedBytes<R> {
        ReceivedBytes {
            blocks,
            rest: Vec::new(),
            has_begun: false,
        }
    }
}

impl<R: Read> Read for ReceivedBytes<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let Some(block) = self.blocks.next()? else {
                return Ok(0);
            };
            if is_board_output(&block, &mut self.has_begun) {
                self.rest = block.payload;
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}
