//! Pages that spaces have in common after a fork: counted, and freed by the last one.
//!
//! ```text
//!   Page{space} ──fork──► Common{2} ──fork──► Common{3}
//!        ▲                    │ ▲                 │
//!        │                    ▼ └──a space leaves─┘
//!        └──the last writes── Common{1} ──it leaves──► free
//! ```
//! A count is one more than the entries of page tables that name the frame only between two lines of `mm::fork`.

use pagetable::PhysAddr;

use super::Frames;
use super::descriptor::{COMMON, FrameDescriptor};
use crate::mm::PAGE_BYTES;

/// The rows of an arena while a space forks: a page costs one look at one of them.
pub(in crate::mm) struct Sharing<'a> {
    rows: &'a mut [FrameDescriptor],
    /// The number of the first row's frame.
    first: usize,
    /// The head of a row of the space's own.
    own: FrameDescriptor,
    /// Pages that have become common.
    made: u32,
}

impl Sharing<'_> {
    /// One more space has the page of that frame; `false` if it is none of these pages: of a file, of a shared object, or
    /// in another arena.
    #[inline(always)]
    pub fn share(&mut self, frame: PhysAddr) -> bool {
        let number = (frame.raw() / PAGE_BYTES) as usize;
        let Some(row) = self.rows.get_mut(number.wrapping_sub(self.first)) else {
            return false;
        };
        if row.is_of_same_owner(&self.own) {
            row.set_common(2);
            self.made += 1;
        } else if row.state() == COMMON {
            row.set_common(row.space() + 1);
        } else {
            return false;
        }
        true
    }

    /// How many pages have become common: for [`Frames::count_common`].
    pub fn made(&self) -> u32 {
        self.made
    }
}

impl Frames {
    /// The rows of the arena that `frame` lies in, as far as they were written, for a fork of `space`.
    pub(in crate::mm) fn sharing(&mut self, frame: PhysAddr, space: u16) -> Option<Sharing<'_>> {
        let (arena, _) = self.row_in(frame)?;
        let (first, fresh) = (self.arenas[arena].first, self.arenas[arena].fresh);
        let rows = (first - self.first) as usize..(fresh - self.first) as usize;
        Some(Sharing {
            rows: self.table.get_mut(rows)?,
            first: first as usize,
            own: FrameDescriptor::of_page(space),
            made: 0,
        })
    }

    /// So many pages have become common by a fork.
    pub(in crate::mm) fn count_common(&mut self, made: u32) {
        self.common += made;
    }

    /// The row of a common page, and how many spaces have it.
    #[inline(always)]
    pub(in crate::mm) fn common_row(&self, frame: PhysAddr) -> Option<(usize, u16)> {
        let at = self.row(frame)?;
        let row = &self.table[at];
        (row.state() == COMMON).then(|| (at, row.space()))
    }

    /// The page of a row of [`Self::common_row`], which one space has, is the page of `space` alone.
    #[inline(always)]
    pub(in crate::mm) fn adopt(&mut self, at: usize, space: u16) {
        self.table[at].set_own(space);
        self.common -= 1;
        // An audit counts it in another place from now on.
        self.begin_release();
    }

    /// Is it common, if only to one space by now?
    #[inline]
    pub(in crate::mm) fn is_common(&self, frame: PhysAddr) -> bool {
        self.common > 0 && self.common_row(frame).is_some()
    }

    /// One space less has the common page of that row; true if it was the last one, and the count is as it was.
    #[inline]
    pub(in crate::mm) fn leave_row(&mut self, at: usize) -> bool {
        let shares = self.table[at].space();
        if shares > 1 {
            self.table[at].set_common(shares - 1);
        }
        shares <= 1
    }
}
