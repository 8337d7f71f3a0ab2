//! Text written into a slice of bytes.

use core::fmt;

/// What does not fit is an error; what was written before it stays.
pub struct Text<'a> {
    into: &'a mut [u8],
    used: usize,
}

impl<'a> Text<'a> {
    /// An empty text that holds as many bytes as `into`; more is cut off.
    pub fn new(into: &'a mut [u8]) -> Self {
        Text { into, used: 0 }
    }

    /// How many bytes were written.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The bytes written so far.
    pub fn written(&self) -> &[u8] {
        &self.into[..self.used]
    }
}

impl fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let place = self
            .into
            .get_mut(self.used..self.used + text.len())
            .ok_or(fmt::Error)?;
        place.copy_from_slice(text.as_bytes());
        self.used += text.len();
        Ok(())
    }
}
