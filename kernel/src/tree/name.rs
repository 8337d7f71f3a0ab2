//! A word out of the tree, kept after the tree is gone.

use core::fmt;

/// Letters that are kept of a word.
const MAX_NAME: usize = 40;

/// A word of a tree, cut to 40 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; MAX_NAME],
    used: usize,
}

impl Name {
    /// The word, as far as there is room.
    pub fn new(word: &[u8]) -> Name {
        let mut name = Name {
            bytes: [0; MAX_NAME],
            used: word.len().min(MAX_NAME),
        };
        name.bytes[..name.used].copy_from_slice(&word[..name.used]);
        name
    }
}

/// What is no letter for a terminal is shown as `?`.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let letters = self.bytes[..self.used].iter();
        letters
            .map(|&byte| if byte.is_ascii_graphic() { byte } else { b'?' })
            .try_for_each(|byte| fmt::Write::write_char(f, byte.into()))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}
