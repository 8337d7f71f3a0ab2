//! What an audit asks of the frame table: marks of tables, rows, lists, and whether anything changed.

use core::ops::Range;

use pagetable::PhysAddr;

use super::Frames;
use super::descriptor::NONE;

/// How memory stands: two are equal only if nothing was given out or taken back between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// What is given out; it only grows unless something is taken back.
    used: u32,
    /// How often something was taken back, or taken out of a space.
    releases: u32,
}

impl Frames {
    /// How memory stands now.
    pub(in crate::mm) fn stamp(&self) -> Stamp {
        Stamp {
            used: self.counts.used(),
            releases: self.releases,
        }
    }

    /// Pages of a space go: its count and its tables change, though its frames may not, as those of a file.
    #[inline]
    pub(in crate::mm) fn begin_release(&mut self) {
        self.releases = self.releases.wrapping_add(1);
    }

    /// The number of an audit that begins, for its marks: those of one that was given up mean nothing to the next.
    pub(in crate::mm) fn begin_audit(&mut self) -> u32 {
        self.audits = self.audits.wrapping_add(1).max(1);
        self.audits
    }

    /// Marks a frame as met by an audit; `false` if it was met before, or has no row.
    pub(in crate::mm) fn mark(&mut self, frame: PhysAddr, audit: u32) -> bool {
        let Some(at) = self.row(frame) else {
            return false;
        };
        let row = &mut self.table[at];
        let first = row.audit() != audit;
        row.set_audit(audit);
        first
    }

    /// Was the frame met by that audit, and not allocated again since?
    pub(in crate::mm) fn is_marked(&self, frame: PhysAddr, audit: u32) -> bool {
        self.row(frame)
            .is_some_and(|at| self.table[at].audit() == audit)
    }

    /// The frames of an arena whose rows were written.
    pub(in crate::mm) fn written(&self, arena: usize) -> Range<u64> {
        let arena = &self.arenas[arena];
        arena.first..arena.fresh
    }

    /// Free frames of an arena whose rows were never written.
    pub(in crate::mm) fn free_above(&self, arena: usize) -> u32 {
        let (fresh, end) = (self.arenas[arena].fresh, self.arenas[arena].end);
        let spans = self.ram.free().iter();
        let free = spans.map(|span| {
            let part = span.first.max(fresh)..span.end.min(end);
            let none = u64::from(part.contains(&u64::from(NONE)));
            (part.end.saturating_sub(part.start) - none) as u32
        });
        free.sum()
    }

    /// The first frame of an arena's free list; [`NONE`] if it is empty.
    pub(in crate::mm) fn first_free(&self, arena: usize) -> u32 {
        self.fast.free.heads[arena]
    }

    /// The free frame behind one; [`NONE`] at the end.
    pub(in crate::mm) fn next_free(&self, frame: u32) -> u32 {
        self.table[self.index(frame)].link
    }

    /// The pool was given a limit at boot: not all that is free can be given out.
    pub(in crate::mm) fn is_limited(&self) -> bool {
        self.limited
    }

    /// Frames that can be given out, counted one by one.
    #[cfg(test)]
    pub fn count_free(&self) -> u32 {
        let mut free = self.fast.magazine.count as u32;
        for arena in 0..self.arenas_used {
            let mut at = self.first_free(arena);
            while at != NONE {
                (free, at) = (free + 1, self.next_free(at));
            }
            free += self.free_above(arena);
        }
        free
    }
}
