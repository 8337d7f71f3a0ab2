//! A chunk: the unit that is written, checked and found in a recording.
//!
//! ```text
//!  0-3    length of the compressed body in bytes      16-19  records of faults in it
//!  4-7    length of the body in bytes                 20     kind
//!  8-15   microseconds since 1970 of its first block  21-23  0
//!                                                     24-27  CRC-32 of bytes 0 to 23 and the compressed body
//! ```
//!
//! Bodies are one raw DEFLATE stream from the start of a segment on, flushed after each: what repeats is
//! said once a segment, and a reader can begin at each segment.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Size of a chunk's header in bytes.
pub const HEAD: usize = 28;
/// Longest body that a reader accepts, in bytes.
pub const MAX_BODY: usize = 1 << 24;

/// What a chunk contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkKind {
    /// Blocks; the first chunk of a segment.
    First,
    /// Blocks.
    Next,
    /// Where the segments are: see [`super::index`].
    Index,
    /// A kind of a newer program, skipped.
    Other(u8),
}

impl ChunkKind {
    fn number(self) -> u8 {
        match self {
            ChunkKind::First => 0,
            ChunkKind::Next => 1,
            ChunkKind::Index => 2,
            ChunkKind::Other(number) => number,
        }
    }

    fn of(number: u8) -> ChunkKind {
        match number {
            0 => ChunkKind::First,
            1 => ChunkKind::Next,
            2 => ChunkKind::Index,
            other => ChunkKind::Other(other),
        }
    }
}

/// The header of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHead {
    /// Bytes of the compressed body.
    pub packed: u32,
    /// Bytes of the body.
    pub length: u32,
    /// Microseconds since 1970 of the first block.
    pub start_us: u64,
    /// Number of fault records in frames.
    pub faults: u32,
    /// What it contains.
    pub kind: ChunkKind,
    check: u32,
}

impl ChunkHead {
    /// Decodes a header; whether it is one shows only with the body.
    pub fn decode(bytes: &[u8; HEAD]) -> ChunkHead {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        ChunkHead {
            packed: word(0),
            length: word(4),
            start_us: u64::from(word(8)) | u64::from(word(12)) << 32,
            faults: word(16),
            kind: ChunkKind::of(bytes[20]),
            check: word(24),
        }
    }

    fn bytes(&self) -> [u8; HEAD - 4] {
        let mut bytes = [0; HEAD - 4];
        bytes[..4].copy_from_slice(&self.packed.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.start_us.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.faults.to_le_bytes());
        bytes[20] = self.kind.number();
        bytes
    }

    /// Whether the lengths can be those of a chunk, so that a reader need not allocate what noise claims.
    pub fn is_plausible(&self) -> bool {
        self.packed as usize <= MAX_BODY + MAX_BODY / 8 + 64 && self.length as usize <= MAX_BODY
    }

    /// Whether the checksum is that of the header and this compressed body.
    pub fn matches(&self, packed: &[u8]) -> bool {
        self.check == super::sum(&self.bytes(), packed)
    }
}

/// A whole chunk as bytes.
pub fn chunk(kind: ChunkKind, start_us: u64, faults: u32, length: usize, packed: &[u8]) -> Vec<u8> {
    let mut head = ChunkHead {
        packed: packed.len() as u32,
        length: length as u32,
        start_us,
        faults,
        kind,
        check: 0,
    };
    head.check = super::sum(&head.bytes(), packed);
    let mut bytes = head.bytes().to_vec();
    bytes.extend(head.check.to_le_bytes());
    bytes.extend(packed);
    bytes
}

/// Compresses bodies, one after the other.
pub struct Packer(Compress);

impl Default for Packer {
    fn default() -> Packer {
        Packer(Compress::new(Compression::new(7), false))
    }
}

impl Packer {
    /// Starts a segment.
    pub fn restart(&mut self) {
        self.0.reset();
    }

    /// The compressed body.
    pub fn pack(&mut self, body: &[u8]) -> Vec<u8> {
        let mut packed = Vec::with_capacity(body.len() / 2 + 64);
        let begin = self.0.total_in();
        loop {
            let done = (self.0.total_in() - begin) as usize;
            packed.reserve(body.len() / 8 + 64);
            let flush = FlushCompress::Sync;
            let status = self.0.compress_vec(&body[done..], &mut packed, flush);
            let is_in = self.0.total_in() - begin == body.len() as u64;
            // With room left, nothing waits inside.
            if status.is_err() || is_in && packed.len() < packed.capacity() {
                return packed;
            }
        }
    }
}

/// Decompresses bodies, one after the other.
pub struct Unpacker(Decompress);

impl Default for Unpacker {
    fn default() -> Unpacker {
        Unpacker(Decompress::new(false))
    }
}

impl Unpacker {
    /// Starts a segment.
    pub fn restart(&mut self) {
        self.0.reset(false);
    }

    /// The body of that length; `None` if these bytes have another.
    pub fn unpack(&mut self, packed: &[u8], length: usize) -> Option<Vec<u8>> {
        // One more byte: a body that is longer than it claims is noise.
        let mut body = Vec::with_capacity(length + 1);
        let begin = self.0.total_in();
        loop {
            let done = (self.0.total_in() - begin) as usize;
            let before = body.len();
            let flush = FlushDecompress::Sync;
            let status = self
                .0
                .decompress_vec(packed.get(done..)?, &mut body, flush)
                .ok()?;
            let is_in = self.0.total_in() - begin == packed.len() as u64;
            let stands = body.len() == before && (self.0.total_in() - begin) as usize == done;
            if is_in || stands || status == Status::StreamEnd || body.len() > length {
                return (body.len() == length).then_some(body);
            }
        }
    }
}
