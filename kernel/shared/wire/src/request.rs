//! What the host says.

use crate::channel::Channel;
use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, take};

const HELLO: u8 = 0xc0;
const HEARD: u8 = 0xc4;
const ALIVE: u8 = 0xc5;
const BYE: u8 = 0xc6;

/// One request of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// Speak in frames from now on; the board answers with a welcome.
    Hello {
        /// The protocol version the host speaks: [`VERSION`](crate::VERSION).
        version: u32,
        /// A number of the host's choice: the streams begin anew when it is another than
        /// before. 0: the host only listens, and text flows between the frames.
        session: u32,
    },
    /// The next part of a stream: its number, then what it carries.
    Stream(Channel, &'a [u8]),
    /// All of the board's stream before this number has arrived.
    Heard {
        /// The number that the host waits for.
        next: u16,
    },
    /// The host is there, and asks whether the board is.
    Alive,
    /// The host goes: the line is plain again.
    Bye,
    /// A request of a newer host; the board leaves it unanswered.
    Unknown {
        /// Its kind byte.
        kind: u8,
        /// How long its payload was.
        len: usize,
    },
}

impl<'a> Request<'a> {
    /// What a frame from the host asks.
    pub fn decode(frame: &Frame<'a>) -> Result<Request<'a>, Malformed> {
        if let Some(channel) = Channel::of_host(frame.kind) {
            return Ok(Request::Stream(channel, frame.payload));
        }
        Ok(match frame.kind {
            HELLO => {
                let (version, rest) = take(frame.payload)?;
                // A host that only listens says no more.
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

    /// Writes the `Hello` of a host that only listens as a frame; answers how many bytes that
    /// took.
    pub fn encode_hello(version: u32, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HELLO, &version, sequence, out)
    }

    /// Writes the `Hello` of a host that wants streams as a frame; `session` is not 0.
    pub fn encode_session(
        version: u32,
        session: u32,
        sequence: u16,
        out: &mut [u8],
    ) -> Result<usize, NoRoom> {
        encode(HELLO, &(version, session), sequence, out)
    }

    /// Writes a `Heard` as a frame; answers how many bytes that took.
    pub fn encode_heard(next: u16, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(HEARD, &next, sequence, out)
    }

    /// Writes a `Bye` as a frame; answers how many bytes that took.
    pub fn encode_bye(sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        encode(BYE, &(), sequence, out)
    }

    /// Writes an `Alive` as a frame; answers how many bytes that took.
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
