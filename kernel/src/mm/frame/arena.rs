//! An arena: one piece of RAM, its watermark and its place in the order of arenas.

use super::descriptor::{BOOT, FREE, FrameDescriptor, NONE};
use crate::mm::bootram::Span;

/// Rows that are written at once when a watermark rises.
pub(super) const BLOCK: u64 = 64;

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
    /// before the list at `head`. The last of them, which the old head is behind; [`NONE`] if none is free.
    pub(super) fn raise_watermark(
        &mut self,
        to: u64,
        rows: &mut [FrameDescriptor],
        free: &[Span],
        head: &mut u32,
    ) -> u32 {
        let end = to
            .max(self.fresh)
            .next_multiple_of(BLOCK)
            .clamp(self.fresh, self.end);
        let first = self.fresh;
        let rows = &mut rows[..(end - first) as usize];
        let whole = free
            .iter()
            .any(|span| span.first <= first && end <= span.end && first > u64::from(NONE));
        let mut last = NONE;
        // Backwards, so that the lowest comes first.
        for at in (0..rows.len()).rev() {
            let frame = first as u32 + at as u32;
            let held =
                !whole && (frame == NONE || !free.iter().any(|span| span.contains(frame.into())));
            if held {
                rows[at] = FrameDescriptor::new(BOOT, NONE);
            } else {
                rows[at] = FrameDescriptor::new(FREE, *head);
                if last == NONE {
                    last = frame;
                } else {
                    rows[(*head - first as u32) as usize].set_before(frame);
                }
                *head = frame;
            }
        }
        self.fresh = end;
        last
    }
}
