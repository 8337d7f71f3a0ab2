//! What the board says.

use crate::Batch;
use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, take};

pub(crate) const WELCOME: u8 = 0x80;
pub(crate) const FAULTS: u8 = 0x81;
pub(crate) const LOST: u8 = 0x82;

/// The board's answer to a hello, and the first frame it sends unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// The protocol version the board speaks: [`VERSION`](crate::VERSION).
    pub version: u32,
    /// Ticks of the `time` CSR in a second.
    pub ticks_per_second: u64,
    /// Bits of an address: 32 or 64.
    pub xlen: u32,
    /// The board's name, as its board file has it.
    pub board: &'a str,
}

/// One event of the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// Frames begin.
    Welcome(Welcome<'a>),
    /// Faults happened; [`BatchWriter`](crate::BatchWriter) makes these.
    Faults(Batch<'a>),
    /// That many records were overwritten in the ring before they were sent.
    Lost {
        /// Since the last such event, or since boot.
        count: u64,
    },
    /// An event of a newer board.
    Unknown {
        /// Its kind byte.
        kind: u8,
        /// How long its payload was.
        len: usize,
    },
}

impl<'a> Event<'a> {
    /// What a frame from the board says.
    pub fn decode(frame: &Frame<'a>) -> Result<Event<'a>, Malformed> {
        Ok(match frame.kind {
            WELCOME => Event::Welcome(Welcome::decode(frame.payload)?),
            FAULTS => Event::Faults(Batch::decode(frame.payload)?),
            LOST => Event::Lost {
                count: take(frame.payload)?.0,
            },
            kind => Event::Unknown {
                kind,
                len: frame.payload.len(),
            },
        })
    }

    /// Writes a `Lost` as a frame; answers how many bytes that took.
    pub fn encode_lost(count: u64, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        let mut payload = [0; 10];
        let payload = postcard::to_slice(&count, &mut payload).map_err(|_| NoRoom)?;
        Frame {
            kind: LOST,
            sequence,
            payload,
        }
        .encode(out)
    }
}

impl<'a> Welcome<'a> {
    /// Writes it as a frame; answers how many bytes that took. A board's name
    /// longer than 64 bytes has no room.
    pub fn encode(&self, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        let mut payload = [0; 5 + 10 + 5 + 1 + 64];
        let fields = (self.version, self.ticks_per_second, self.xlen, self.board);
        let payload = postcard::to_slice(&fields, &mut payload).map_err(|_| NoRoom)?;
        Frame {
            kind: WELCOME,
            sequence,
            payload,
        }
        .encode(out)
    }

    /// Bytes after the board's name are a newer board's, and left alone.
    fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let ((version, ticks_per_second, xlen, board), _) =
            postcard::take_from_bytes(payload).map_err(|_| Malformed)?;
        Ok(Welcome {
            version,
            ticks_per_second,
            xlen,
            board,
        })
    }
}
