//! The index of a recording: where its segments are, and when each begins.
//!
//! It is the last chunk of a recording that was ended; its last twelve bytes are its own offset in the file
//! and `PWIX`. One that was not ended has none, and its chunks are walked instead, header by header.
//!
//! ```text
//! for each segment   distance of its offset from the one before, of its first microsecond, its faults
//! ```

use std::io::{self, Read, Seek, SeekFrom};

use super::HEADER;
use super::chunk::{ChunkHead, ChunkKind, HEAD, chunk};
use super::number::{put, take};

const MAGIC: &[u8; 4] = b"PWIX";
/// Bytes of offset and magic.
const TAIL: usize = 12;

/// A segment, where a reader can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Offset of its first chunk in bytes.
    pub offset: u64,
    /// Microseconds since 1970 of its first block.
    pub start_us: u64,
    /// Number of fault records in frames.
    pub faults: u64,
}

/// Segments of a recording, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentIndex(pub Vec<Segment>);

impl SegmentIndex {
    /// Adds a chunk at this offset.
    pub fn add(&mut self, offset: u64, head: &ChunkHead) {
        match (head.kind, self.0.last_mut()) {
            (ChunkKind::First, _) => self.0.push(Segment {
                offset,
                start_us: head.start_us,
                faults: head.faults.into(),
            }),
            (ChunkKind::Next, Some(segment)) => segment.faults += u64::from(head.faults),
            _ => {}
        }
    }

    /// The chunk of the index, for this offset.
    pub fn chunk(&self, offset: u64) -> Vec<u8> {
        let mut body = Vec::new();
        let (mut at, mut time) = (0, 0u64);
        for segment in &self.0 {
            put(&mut body, segment.offset - at);
            put(&mut body, segment.start_us.wrapping_sub(time));
            put(&mut body, segment.faults);
            (at, time) = (segment.offset, segment.start_us);
        }
        body.extend(offset.to_le_bytes());
        body.extend(MAGIC);
        chunk(ChunkKind::Index, time, 0, body.len(), &body)
    }

    fn decode(body: &[u8]) -> Option<SegmentIndex> {
        let mut rest = body.strip_suffix(MAGIC)?;
        rest = rest.get(..rest.len().checked_sub(8)?)?;
        let (mut offset, mut start_us) = (0u64, 0u64);
        let mut segments = Vec::new();
        while !rest.is_empty() {
            offset = offset.checked_add(take(&mut rest)?)?;
            start_us = start_us.wrapping_add(take(&mut rest)?);
            let faults = take(&mut rest)?;
            segments.push(Segment {
                offset,
                start_us,
                faults,
            });
        }
        Some(SegmentIndex(segments))
    }

    /// Reads the index at the end of a recording; without one, the headers of all chunks.
    pub fn read(from: &mut (impl Read + Seek)) -> io::Result<SegmentIndex> {
        match SegmentIndex::at_end(from)? {
            Some(index) => Ok(index),
            None => SegmentIndex::walk(from),
        }
    }

    fn at_end(from: &mut (impl Read + Seek)) -> io::Result<Option<SegmentIndex>> {
        let end = from.seek(SeekFrom::End(0))?;
        if end < (HEADER.len() + HEAD + TAIL) as u64 {
            return Ok(None);
        }
        let mut tail = [0; TAIL];
        from.seek(SeekFrom::Start(end - TAIL as u64))?;
        from.read_exact(&mut tail)?;
        let [a, b, c, d, e, f, g, h, magic @ ..] = tail;
        let offset = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        if magic != *MAGIC
            || offset
                .checked_add(HEAD as u64)
                .is_none_or(|body| body > end)
        {
            return Ok(None);
        }
        from.seek(SeekFrom::Start(offset))?;
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let head = ChunkHead::decode(&head);
        if u64::from(head.packed) != end - offset - HEAD as u64 || !head.is_plausible() {
            return Ok(None);
        }
        let mut body = vec![0; head.packed as usize];
        from.read_exact(&mut body)?;
        let is_index = head.kind == ChunkKind::Index && head.matches(&body);
        Ok(is_index.then(|| SegmentIndex::decode(&body)).flatten())
    }

    /// Reads the headers of all chunks up to the first that is cut off.
    pub fn walk(from: &mut (impl Read + Seek)) -> io::Result<SegmentIndex> {
        let mut index = SegmentIndex::default();
        let end = from.seek(SeekFrom::End(0))?;
        let mut at = from.seek(SeekFrom::Start(HEADER.len() as u64))?;
        while at + HEAD as u64 <= end {
            let mut head = [0; HEAD];
            from.read_exact(&mut head)?;
            let head = ChunkHead::decode(&head);
            let next = at + HEAD as u64 + u64::from(head.packed);
            if !head.is_plausible() || next > end {
                break;
            }
            index.add(at, &head);
            at = from.seek(SeekFrom::Start(next))?;
        }
        Ok(index)
    }

    /// The last segment that begins at this time or before; the first, if all begin later.
    pub fn before(&self, at_us: u64) -> Option<Segment> {
        let place = self.0.partition_point(|segment| segment.start_us <= at_us);
        self.0.get(place.saturating_sub(1)).copied()
    }
}
