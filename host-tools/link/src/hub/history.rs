//! Past events, kept for clients that connect later.

use std::collections::VecDeque;

/// Number of frames kept; a frame contains about fifty records.
const MOST: usize = 1 << 14;

/// Frames of events, numbered from the first that arrived.
#[derive(Default)]
pub struct History {
    frames: VecDeque<(u8, Vec<u8>)>,
    /// Number of the oldest kept frame.
    first: u64,
}

impl History {
    /// Appends a frame; drops the oldest above the limit.
    pub fn keep(&mut self, kind: u8, payload: &[u8]) {
        if self.frames.len() == MOST {
            self.frames.pop_front();
            self.first += 1;
        }
        self.frames.push_back((kind, payload.to_vec()));
    }

    /// Clears the history: in a new session the target sends all its records again.
    pub fn restart(&mut self) {
        self.first += self.frames.len() as u64;
        self.frames.clear();
    }

    /// The frame with this number, or the oldest one after it, with its number.
    pub fn next(&self, number: u64) -> Option<(u64, u8, &[u8])> {
        let number = number.max(self.first);
        let place = usize::try_from(number - self.first).ok()?;
        let (kind, payload) = self.frames.get(place)?;
        Some((number, *kind, payload))
    }
}
