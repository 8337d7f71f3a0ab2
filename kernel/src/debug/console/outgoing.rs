//! The frame that is on its way: whole and encoded, sent byte by byte as the device takes it.

use wire::reliable::{CHUNK, HEAD};

/// The largest frame that the board sends.
const FRAME: usize = wire::frame::encoded_bytes(HEAD + CHUNK);

/// One frame at a time.
pub struct Outgoing {
    bytes: [u8; FRAME],
    used: usize,
    at: usize,
    /// Number of the next frame, modulo 65,536.
    sequence: u16,
}

impl Outgoing {
    /// No frame is being sent, and none was.
    pub const EMPTY: Outgoing = Outgoing {
        bytes: [0; FRAME],
        used: 0,
        at: 0,
        sequence: 0,
    };

    /// What is left to send of the frame.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..self.used]
    }

    /// Is there room for a frame?
    pub fn is_free(&self) -> bool {
        self.at == self.used
    }

    /// That many bytes of it are sent.
    pub fn sent(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.used);
    }

    /// Begins a frame, which `encode` writes with the number it is given. One that cannot be
    /// written is not sent; its number then is missing, as that of a frame lost on the line.
    pub fn begin<E>(&mut self, encode: impl FnOnce(u16, &mut [u8]) -> Result<usize, E>) {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        self.at = 0;
        self.used = encode(sequence, &mut self.bytes).unwrap_or(0);
    }
}
