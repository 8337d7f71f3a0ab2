//! Frames from the board.

use crate::batch::{Batch, FAULTS};
use crate::channel::Channel;
use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, put, take};

pub(crate) const WELCOME: u8 = 0x80;
pub(crate) const LOST: u8 = 0x82;
const HEARD: u8 = 0x86;
/// Flag behind the number of `Heard`.
const LAST: u64 = 1;

/// The board's answer to a hello; the first frame after boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Welcome<'a> {
    /// Protocol version of the board: [`VERSION`](crate::VERSION).
    pub version: u32,
    /// Frequency of the `time` CSR in hertz.
    pub ticks_per_second: u64,
    /// Register width in bits: 32 or 64.
    pub xlen: u32,
    /// Name of the board, as in its board file.
    pub board: &'a str,
    /// Session number of the hello; 0 for a passive host.
    pub session: u32,
}

/// A decoded frame from the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The start of frames.
    Welcome(Welcome<'a>),
    /// Fault records; [`BatchWriter`](crate::BatchWriter) encodes them.
    Faults(Batch<'a>),
    /// Records that were overwritten in the ring before they were sent.
    Lost {
        /// Number since the last such event, or since boot.
        count: u64,
    },
    /// The next part of a stream: its number, then its bytes.
    Stream(Channel, &'a [u8]),
    /// Acknowledges all stream frames before `next`.
    Heard {
        /// The number that the board expects next.
        next: u16,
        /// It answers `Bye`: the board sends no frame behind it. An acknowledgement of something earlier may still be
        /// on its way when a host says `Bye`, and must not be taken for this one.
        is_last: bool,
    },
    /// A kind that this version does not know.
    Unknown {
        /// Kind byte of the frame.
        kind: u8,
        /// Length of the payload in bytes.
        len: usize,
    },
}

impl<'a> Event<'a> {
    /// Decodes a frame from the board.
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
            HEARD => {
                let (next, rest) = take(frame.payload)?;
                Event::Heard {
                    next: next.try_into().map_err(|_| Malformed)?,
                    is_last: take(rest).is_ok_and(|(flags, _)| flags & LAST != 0),
                }
            }
            kind => Event::Unknown {
                kind,
                len: frame.payload.len(),
            },
        })
    }

    /// Encodes `Lost` as a frame; returns the length.
    pub fn encode_lost(count: u64, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(LOST, count, sequence, out)
    }

    /// Encodes `Heard` as a frame; returns the length.
    pub fn encode_heard(next: u16, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HEARD, next.into(), sequence, out)
    }

    /// Encodes the `Heard` that answers `Bye` as a frame; returns the length.
    pub fn encode_last_heard(next: u16, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        let mut payload = [0; 8];
        let mut length = 0;
        for number in [next.into(), LAST] {
            put(&mut payload, &mut length, number).ok_or(NoRoom)?;
        }
        Frame {
            kind: HEARD,
            sequence,
            payload: &payload[..length],
        }
        .encode(out)
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
    /// Encodes the event as a frame; returns the length. A board name longer than 64 bytes does not fit.
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

    /// Bytes after the session number are those of a newer board, and ignored.
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
