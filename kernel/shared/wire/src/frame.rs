//! The envelope: kind, sequence, payload and checksum, between two zero bytes.
//!
//! ```text
//!   00 │ COBS( kind:1  sequence:2  payload:0..=1017  crc32:4 ) │ 00
//! ```
//!
//! Kinds are 0x80 and above, so the second byte after a zero is never ASCII in a frame: text after a lost or
//! added zero is recognized at once.

use cobs::CobsEncoder;
use crc::{CRC_32_ISO_HDLC, Crc};

const CHECK: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
const HEAD: usize = 3;
const TAIL: usize = 4;

/// Smallest frame kind; lower bytes never start a frame.
pub const FIRST_KIND: u8 = 0x80;

/// Longest payload in bytes that every receiver must accept.
pub const MAX_PAYLOAD: usize = 1024 - HEAD - TAIL;

/// Upper bound for the encoded length of a payload, both zeros included.
pub const fn encoded_bytes(payload: usize) -> usize {
    cobs::max_encoding_length(HEAD + payload + TAIL) + 2
}

/// A frame with a correct checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Type of the payload.
    pub kind: u8,
    /// Frame counter of the sender, modulo 65,536.
    pub sequence: u16,
    /// Content, as its kind defines it.
    pub payload: &'a [u8],
}

/// The output buffer is too short for the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl core::fmt::Display for NoRoom {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("no room for the frame")
    }
}

impl core::error::Error for NoRoom {}

impl<'a> Frame<'a> {
    /// Encodes the frame with both zeros; returns the length.
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, NoRoom> {
        if self.payload.len() > MAX_PAYLOAD {
            return Err(NoRoom);
        }
        let sequence = self.sequence.to_le_bytes();
        let mut check = CHECK.digest();
        let [first, rest @ ..] = out else {
            return Err(NoRoom);
        };
        *first = 0;
        let mut body = CobsEncoder::new(rest);
        for part in [&[self.kind][..], &sequence, self.payload] {
            check.update(part);
            body.push(part).map_err(|_| NoRoom)?;
        }
        body.push(&check.finalize().to_le_bytes())
            .map_err(|_| NoRoom)?;
        let end = body.finalize() + 1;
        *out.get_mut(end).ok_or(NoRoom)? = 0;
        Ok(end + 1)
    }

    /// Decodes the bytes between two zeros; `scratch` must be as long as `encoded`. `None` if it is not a
    /// frame.
    pub(crate) fn decode(encoded: &[u8], scratch: &'a mut [u8]) -> Option<Frame<'a>> {
        let length = cobs::decode(encoded, scratch).ok()?.frame_size();
        let bytes: &'a [u8] = scratch.get(..length)?;
        let (body, check) = bytes.split_last_chunk::<TAIL>()?;
        if CHECK.checksum(body) != u32::from_le_bytes(*check) {
            return None;
        }
        let ([kind, low, high], payload) = body.split_first_chunk::<HEAD>()?;
        (*kind >= FIRST_KIND).then_some(Frame {
            kind: *kind,
            sequence: u16::from_le_bytes([*low, *high]),
            payload,
        })
    }
}
