//! `hexdump -C`: bytes in address order, runs of equal lines as `*`.
//!
//! ```text
//! 00000000  e7 00 00 00 00 00 00 00  21 18 10 14 00 00 00 00  |........!.......|
//! *
//! 00001000
//! ```

use super::super::Sparse;
use super::hex_digits;

/// Longest accepted repeat in bytes, except of zeros; more is noise.
const LONGEST_REPEAT: u64 = 64 << 20;

/// The previous line, which `*` repeats.
#[derive(Default)]
pub struct HexdumpReader {
    /// Address after the last byte read.
    end: u64,
    last: Vec<u8>,
    is_repeating: bool,
}

impl HexdumpReader {
    /// Stores the bytes of a line; false if the line has another format.
    pub fn line(&mut self, text: &str, base: u64, memory: &mut Sparse) -> bool {
        if text == "*" {
            self.is_repeating = self.last.len() == 16;
            return self.is_repeating;
        }
        let Some((at, bytes)) = parse(text) else {
            return false;
        };
        // A lone address ends a dump, but only after a line of it.
        if bytes.is_empty() && (self.last.is_empty() || at < self.end) {
            return false;
        }
        if self.is_repeating && at > self.end {
            self.repeat(at, base, memory);
        }
        memory.put(base.wrapping_add(at), &bytes);
        self.end = at.saturating_add(bytes.len() as u64);
        self.last = bytes;
        self.is_repeating = false;
        true
    }

    fn repeat(&self, to: u64, base: u64, memory: &mut Sparse) {
        if self.last.iter().all(|byte| *byte == 0) {
            memory.put_zeros(base.wrapping_add(self.end), base.wrapping_add(to));
        } else if to - self.end <= LONGEST_REPEAT {
            for at in (self.end..to).step_by(self.last.len()) {
                memory.put(base.wrapping_add(at), &self.last);
            }
        }
    }
}

/// Address and bytes of a line; no bytes for the line that ends a dump.
fn parse(text: &str) -> Option<(u64, Vec<u8>)> {
    let (address, rest) = text.split_once("  ").unwrap_or((text, ""));
    if address.len() < 7 {
        return None;
    }
    let at = hex_digits(address)?;
    let hex = rest.split('|').next()?;
    let mut bytes = Vec::with_capacity(16);
    for token in hex.split_ascii_whitespace() {
        if token.len() != 2 || bytes.len() == 16 {
            return None;
        }
        bytes.push(hex_digits(token)? as u8);
    }
    Some((at, bytes))
}
