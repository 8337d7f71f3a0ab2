//! An arena: one piece of RAM, its watermark and its place in the order of arenas.

use super::row::{BOOT, FREE, Frame, NONE};
use crate::mm::bootram::Span;

/// Rows that are written at once when a watermark rises.
const BLOCK: u64 = 64;

/// A run of frames, some of which may be held.
#[derive(Clone, Copy, Debug)]
pub struct Arena {
    /// Its first frame.
    pub first: u64,
    /// One past its last.
    pub end: u64,
    /// Arenas of a higher one are used first.
    pub priority: u8,
    /// From here on no row was ever written.
    pub(super) fresh: u64,
}

impl Arena {
    pub(super) const EMPTY: Arena = Arena {
        first: 0,
        end: 0,
        priority: 0,
        fresh: 0,
    };

    /// Does the frame lie in it?
    pub fn contains(&self, frame: u64) -> bool {
        self.first <= frame && frame < self.end
    }

    /// Writes the next rows, at least up to `to` (exclusive), and puts those that are free
    /// before the list at `head`. How many were free.
    pub(super) fn rise(
        &mut self,
        to: u64,
        rows: &mut [Frame],
        free: &[Span],
        head: &mut u32,
    ) -> u64 {
        let end = to
            .max(self.fresh)
            .next_multiple_of(BLOCK)
            .clamp(self.fresh, self.end);
        let mut count = 0;
        // Backwards, so that the lowest comes first.
        for (at, row) in rows.iter_mut().enumerate().take((end - self.fresh) as usize).rev() {
            let frame = self.fresh + at as u64;
            let is_free = free.iter().any(|span| span.contains(frame)) && frame as u32 != NONE;
            *row = Frame {
                state: if is_free { FREE } else { BOOT },
                link: if is_free { *head } else { NONE },
                ..Frame::EMPTY
            };
            if is_free {
                *head = frame as u32;
                count += 1;
            }
        }
        self.fresh = end;
        count
    }
}
