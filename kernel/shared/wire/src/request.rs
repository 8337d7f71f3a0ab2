//! What the desk asks.

use crate::frame::{Frame, NoRoom};
use crate::number::{Malformed, take};

const HELLO: u8 = 0xc0;

/// One request of the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Speak in frames from now on; the board answers with a welcome.
    Hello {
        /// The protocol version the desk speaks: [`VERSION`](crate::VERSION).
        version: u32,
    },
    /// A request of a newer desk; the board leaves it unanswered.
    Unknown {
        /// Its kind byte.
        kind: u8,
        /// How long its payload was.
        len: usize,
    },
}

impl Request {
    /// Bytes a [`Splitter`](crate::Splitter) needs to hear every request.
    pub const LARGEST: usize = 32;

    /// What a frame from the desk asks.
    pub fn decode(frame: &Frame<'_>) -> Result<Request, Malformed> {
        Ok(match frame.kind {
            HELLO => {
                let (version, _) = take(frame.payload)?;
                Request::Hello {
                    version: version.try_into().map_err(|_| Malformed)?,
                }
            }
            kind => Request::Unknown {
                kind,
                len: frame.payload.len(),
            },
        })
    }

    /// Writes a `Hello` as a frame; answers how many bytes that took.
    pub fn encode_hello(version: u32, sequence: u16, out: &mut [u8]) -> Result<usize, NoRoom> {
        let mut payload = [0; 5];
        let payload = postcard::to_slice(&version, &mut payload).map_err(|_| NoRoom)?;
        Frame {
            kind: HELLO,
            sequence,
            payload,
        }
        .encode(out)
    }
}
