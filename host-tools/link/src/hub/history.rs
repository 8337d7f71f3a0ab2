//! Events that arrived, kept for clients that connect later.

use std::collections::VecDeque;

/// Frames that are kept; a frame holds some fifty records.
const MOST: usize = 1 << 14;

/// Frames of events, numbered from the first that ever arrived.
#[derive(Default)]
pub struct History {
    frames: VecDeque<(u8, Vec<u8>)>,
    /// Number of the oldest that is kept.
    first: u64,
}

impl History {
    /// Adds a frame; the oldest goes when there are too many.
    pub fn keep(&mut self, kind: u8, payload: &[u8]) {
        if self.frames.len() == MOST {
            self.frames.pop_front();
            self.first += 1;
        }
        self.frames.push_back((kind, payload.to_vec()));
    }

    /// A session began: the target sends all its records again.
    pub fn restart(&mut self) {
        self.first += self.frames.len() as u64;
        self.frames.clear();
    }

    /// The frame of this number, or the oldest after it, with its own number.
    pub fn next(&self, number: u64) -> Option<(u64, u8, &[u8])> {
        let number = number.max(self.first);
        let place = usize::try_from(number - self.first).ok()?;
        let (kind, payload) = self.frames.get(place)?;
        Some((number, *kind, payload))
    }
}
