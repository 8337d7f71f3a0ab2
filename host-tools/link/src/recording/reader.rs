//! A recording, read block by block.

use std::io::{self, Read};

use super::{HEAD, HEADER, sum};

/// Type of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// Bytes received from the board.
    Received,
    /// The recording started or resumed: microseconds since 1970 (u64).
    Started,
    /// Bytes sent to the board.
    Sent,
    /// A type of a newer program.
    Other(u8),
}

impl BlockKind {
    pub(super) const RECEIVED: u8 = 0;
    pub(super) const STARTED: u8 = 1;
    pub(super) const SENT: u8 = 2;

    fn of(number: u8) -> BlockKind {
        match number {
            BlockKind::RECEIVED => BlockKind::Received,
            BlockKind::STARTED => BlockKind::Started,
            BlockKind::SENT => BlockKind::Sent,
            other => BlockKind::Other(other),
        }
    }
}

/// A block with its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Microseconds since the previous block.
    pub after_us: u32,
    /// Type of the block.
    pub kind: BlockKind,
    /// Content of the block, as its type defines it.
    pub payload: Vec<u8>,
}

/// Iterates over the blocks of a recording.
pub struct Blocks<R> {
    from: R,
    at: u64,
    cut: bool,
}

impl<R: Read> Blocks<R> {
    /// Reads the header; `InvalidData` if it is not a recording.
    pub fn new(mut from: R) -> io::Result<Blocks<R>> {
        let mut header = [0; HEADER.len()];
        let read = fill(&mut from, &mut header)?;
        if header[..read] != HEADER {
            let what = if header[..6] == HEADER[..6] {
                "a recording of a version that this program does not know"
            } else {
                "no recording of Pagewalk's"
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok(Blocks {
            from,
            at: HEADER.len() as u64,
            cut: false,
        })
    }

    /// The next block; `None` at the end, or at a truncated or damaged block.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator of results would go on after an error"
    )]
    pub fn next(&mut self) -> io::Result<Option<Block>> {
        if self.cut {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        let read = fill(&mut self.from, &mut head)?;
        if read == 0 {
            return Ok(None);
        }
        self.cut = true;
        if read < HEAD {
            return Ok(None);
        }
        let [a, b, c, d, e, f, kind, _, g, h, i, j] = head;
        let mut payload = vec![0; u16::from_le_bytes([e, f]).into()];
        let is_whole = fill(&mut self.from, &mut payload)? == payload.len();
        if !is_whole || u32::from_le_bytes([g, h, i, j]) != sum(&head[..8], &payload) {
            return Ok(None);
        }
        self.cut = false;
        self.at += (HEAD + payload.len()) as u64;
        Ok(Some(Block {
            after_us: u32::from_le_bytes([a, b, c, d]),
            kind: BlockKind::of(kind),
            payload,
        }))
    }

    /// Offset of the end of the last whole block, if other bytes follow it.
    pub fn cut_at(&self) -> Option<u64> {
        self.cut.then_some(self.at)
    }

    /// Offset of the next block, in bytes.
    pub fn at(&self) -> u64 {
        self.at
    }
}

/// Reads as much as is available; returns the number of bytes.
fn fill(from: &mut impl Read, into: &mut [u8]) -> io::Result<usize> {
    let mut done = 0;
    while done < into.len() {
        match from.read(&mut into[done..]) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The received bytes without times. A truncated file ends at its last whole block.
pub struct ReceivedBytes<R> {
    blocks: Blocks<R>,
    rest: Vec<u8>,
}

impl<R: Read> ReceivedBytes<R> {
    /// A reader over the blocks.
    pub fn new(blocks: Blocks<R>) -> ReceivedBytes<R> {
        ReceivedBytes {
            blocks,
            rest: Vec::new(),
        }
    }
}

impl<R: Read> Read for ReceivedBytes<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.blocks.next()? {
                Some(block) if block.kind == BlockKind::Received => self.rest = block.payload,
                Some(_) => {}
                None => return Ok(0),
            }
        }
        let count = self.rest.len().min(into.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}
