//! Where the debugger's state machine writes to: a buffer, from which the shim sends.

use gdbstub::conn::Connection;

/// What was written since it was last emptied; what does not fit is dropped, and then the
/// packet's sum is missing.
pub struct Reply<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl<'a> Reply<'a> {
    /// A reply without bytes; it can hold as many as `bytes` has.
    pub fn new(bytes: &'a mut [u8]) -> Self {
        Reply { bytes, used: 0 }
    }

    /// The packet that was written, if one was; the acknowledgement before it is the shim's.
    pub fn packet(&self) -> Option<&[u8]> {
        let written = &self.bytes[..self.used];
        let begin = written.iter().position(|byte| *byte == b'$')?;
        Some(&written[begin..])
    }

    /// Drops the bytes of the last reply, before the next is written.
    pub fn clear(&mut self) {
        self.used = 0;
    }
}

impl Connection for Reply<'_> {
    type Error = core::convert::Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Self::Error> {
        if let Some(place) = self.bytes.get_mut(self.used) {
            *place = byte;
            self.used += 1;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}
