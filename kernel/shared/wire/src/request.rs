//! Frames from the host.

use crate::channel::Channel;
use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, take};

const HELLO: u8 = 0xc0;
const HEARD: u8 = 0xc4;
const ALIVE: u8 = 0xc5;
const BYE: u8 = 0xc6;

/// A decoded frame from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Switches the board to frames; it answers with a welcome.
    Hello {
        /// Protocol version of the host: [`VERSION`](crate::VERSION).
        version: u32,
        /// Chosen by the host: a new number restarts the streams. 0 means a passive host, with plain text
        /// between the frames.
        session: u32,
    },
    /// The next part of a stream: its number, then its bytes.
    Stream(Channel, &'a [u8]),
    /// Acknowledges all stream frames before `next`.
    Heard {
        /// The number that the host expects next.
        next: u16,
    },
    /// Keeps the session alive and requests an acknowledgement.
    Alive,
    /// Ends the session: the line is plain text again.
    Bye,
    /// A kind that this version does not know; the board ignores it.
    Unknown {
        /// Kind byte of the frame.
        kind: u8,
        /// Length of the payload in bytes.
        len: usize,
    },
}

impl<'a> Request<'a> {
    /// Decodes a frame from the host.
    pub fn decode(frame: &Frame<'a>) -> Result<Request<'a>, Malformed> {
        if let Some(channel) = Channel::of_host(frame.kind) {
            return Ok(Request::Stream(channel, frame.payload));
        }
        Ok(match frame.kind {
            HELLO => {
                let (version, rest) = take(frame.payload)?;
                // A passive host sends no session number.
                let session = if rest.is_empty() { 0 } else { take(rest)?.0 };
                Request::Hello {
                    version: version.try_into().map_err(|_| Malformed)?,
                    session: session.try_into().map_err(|_| Malformed)?,
                }
            }
            HEARD => Request::Heard {
                next: take(frame.payload)?.0.try_into().map_err(|_| Malformed)?,
            },
            ALIVE => Request::Alive,
            BYE => Request::Bye,
            kind => Request::Unknown {
                kind,
                len: frame.payload.len(),
            },
        })
    }

    /// Encodes the `Hello` of a passive host as a frame; returns the length.
    pub fn encode_hello(version: u32, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HELLO, &version, sequence, out)
    }

    /// Encodes the `Hello` of a host with streams as a frame; `session` is not 0.
    pub fn encode_session(
        version: u32,
        session: u32,
        sequence: u16,
        out: &mut [u8],
    ) -> Result<usize, NoRoom> {
        encode(HELLO, &(version, session), sequence, out)
    }

    /// Encodes `Heard` as a frame; returns the length.
    pub fn encode_heard(next: u16, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HEARD, &next, sequence, out)
    }

    /// Encodes `Bye` as a frame; returns the length.
    pub fn encode_bye(sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(BYE, &(), sequence, out)
    }

    /// Encodes `Alive` as a frame; returns the length.
    pub fn encode_alive(sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(ALIVE, &(), sequence, out)
    }
}

fn encode(
    kind: u8,
    numbers: &impl serde::Serialize,
    sequence: u16,
    out: &mut [u8],
) -> Result<usize, NoRoom> {
    let mut payload = [0; 16];
    let payload = postcard::to_slice(numbers, &mut payload).map_err(|_| NoRoom)?;
    Frame {
        kind,
        sequence,
        payload,
    }
    .encode(out)
}
