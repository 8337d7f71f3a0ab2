//! What the board says.

use crate::batch::{Batch, FAULTS};
use crate::channel::Channel;
use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, put, take};

pub(crate) const WELCOME: u8 = 0x80;
pub(crate) const LOST: u8 = 0x82;
const HEARD: u8 = 0x86;

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
    /// The number of the hello that it answers; 0 for a host that only listens.
    pub session: u32,
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
    /// The next part of a stream: its number, then what it carries.
    Stream(Channel, &'a [u8]),
    /// All of the host's stream before this number has arrived.
    Heard {
        /// The number that the board waits for.
        next: u16,
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
        if let Some(channel) = Channel::of_board(frame.kind) {
            return Ok(Event::Stream(channel, frame.payload));
        }
        Ok(match frame.kind {
            WELCOME => Event::Welcome(Welcome::decode(frame.payload)?),
            FAULTS => Event::Faults(Batch::decode(frame.payload)?),
            LOST => Event::Lost {
                count: take(frame.payload)?.0,
            },
            HEARD => Event::Heard {
                next: take(frame.payload)?.0.try_into().map_err(|_| Malformed)?,
            },
            kind => Event::Unknown {
                kind,
                len: frame.payload.len(),
            },
        })
    }

    /// Writes a `Lost` as a frame; answers how many bytes that took.
    pub fn encode_lost(count: u64, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(LOST, count, sequence, out)
    }

    /// Writes a `Heard` as a frame; answers how many bytes that took.
    pub fn encode_heard(next: u16, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HEARD, next.into(), sequence, out)
    }
}

fn encode(kind: u8, number: u64, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
    let mut payload = [0; 10];
    let payload = postcard::to_slice(&number, &mut payload).map_err(|_| NoRoom)?;
    Frame {
        kind,
        sequence,
        payload,
    }
    .encode(out)
}

impl<'a> Welcome<'a> {
    /// Writes it as a frame; answers how many bytes that took. A board's name
    /// longer than 64 bytes has no room.
    pub fn encode(&self, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        let mut payload = [0; 5 + 10 + 5 + 1 + 64 + 5];
        let fields = (self.version, self.ticks_per_second, self.xlen, self.board);
        let mut length = postcard::to_slice(&fields, &mut payload)
            .map_err(|_| NoRoom)?
            .len();
        if self.board.len() > 64 {
            return Err(NoRoom);
        }
        if self.session != 0 {
            put(&mut payload, &mut length, self.session.into()).ok_or(NoRoom)?;
        }
        let payload = &payload[..length];
        Frame {
            kind: WELCOME,
            sequence,
            payload,
        }
        .encode(out)
    }

    /// Bytes after the session are a newer board's, and left alone.
    fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let ((version, ticks_per_second, xlen, board), rest) =
            postcard::take_from_bytes(payload).map_err(|_| Malformed)?;
        let session = if rest.is_empty() { 0 } else { take(rest)?.0 };
        Ok(Welcome {
            version,
            ticks_per_second,
            xlen,
            board,
            session: session.try_into().unwrap_or(0),
        })
    }
}
