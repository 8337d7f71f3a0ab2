//! The frame allocator: who owns which frame of RAM, and why.
//!
//! The table has a row for every frame, but a row is only written when its frame is first
//! given out: behind the watermark RAM is as boot left it, and nothing is spent on it.

use pagetable::PhysAddr;

use super::bootram::Span;
use super::table::TableFrames;
use super::{BootRam, PAGE_BYTES};

/// One row of the table: 16 bytes, integers only, so that any bit pattern is a value.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    state: u8,
    flags: u8,
    pins: u16,
    refs: u16,
    space: u16,
    vpn: u32,
    link: u32,
}

const _: () = assert!(size_of::<Frame>() == 16);

impl Frame {
    /// A row that says nothing.
    pub const EMPTY: Frame = Frame {
        state: 0,
        flags: 0,
        pins: 0,
        refs: 0,
        space: 0,
        vpn: 0,
        link: 0,
    };
}

#[cfg(test)]
impl Frame {
    /// What a row may hold before its frame is given out: anything.
    pub(crate) const NOISE: Frame = Frame {
        state: 3,
        flags: 0xff,
        pins: 7,
        refs: 9,
        space: 0xffff,
        vpn: !0,
        link: 3,
    };
}

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Not given out.
    Free,
    /// Taken at boot: the Image, the device tree, the kernel's own tables; or not RAM at all.
    Boot,
    /// A page table of this space.
    Table {
        /// The space's id.
        space: u16,
    },
    /// A page of this space.
    Page {
        /// The space's id.
        space: u16,
        /// Its virtual page number (the low 32 bits).
        vpn: u32,
    },
}

const FREE: u8 = 1;
const TABLE: u8 = 2;
const PAGE: u8 = 3;
const NONE: u32 = u32::MAX;

/// The pool in numbers of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// RAM, all of it.
    pub total: u32,
    /// Taken at boot.
    pub boot: u32,
    /// What the pool may give out at most.
    pub pool: u32,
    /// Given out as pages.
    pub pages: u32,
    /// Given out as page tables.
    pub tables: u32,
    /// The most that was ever given out at once.
    pub peak: u32,
}

impl Counts {
    /// Given out.
    pub fn used(&self) -> u32 {
        self.pages + self.tables
    }

    /// Can still be given out.
    pub fn free(&self) -> u32 {
        self.pool - self.used()
    }
}

/// All frames of RAM.
#[derive(Debug)]
pub struct Frames {
    table: &'static mut [Frame],
    /// Number of the frame that row 0 describes.
    first: u64,
    /// What has never been given out: `ram`'s free ranges from this one and this frame on.
    ram: BootRam,
    range: usize,
    fresh: u64,
    /// Row of the frame that was given back last.
    returned: u32,
    counts: Counts,
}

impl Frames {
    /// Bytes that the table needs for this RAM.
    pub fn table_bytes(ram: &BootRam) -> usize {
        let Span { first, end } = ram.span();
        (end - first) as usize * size_of::<Frame>()
    }

    /// Takes over from the boot allocator: what is free there is the pool, of at most
    /// `limit` frames. `table` has [`Self::table_bytes`]; what it holds does not matter.
    pub fn new(table: &'static mut [Frame], ram: BootRam, limit: Option<u32>) -> Frames {
        let frames = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (total, free) = (frames(ram.total_frames()), frames(ram.free_frames()));
        let pool = limit.map_or(free, |limit| limit.min(free));
        let counts = Counts {
            total,
            boot: total - free,
            pool,
            ..Counts::default()
        };
        let fresh = ram.free().first().map_or(0, |span| span.first);
        Frames {
            table,
            first: ram.span().first,
            ram,
            range: 0,
            fresh,
            returned: NONE,
            counts,
        }
    }

    /// Gives a frame out; what it holds is arbitrary. `None` when the pool is empty.
    #[inline]
    pub fn alloc(&mut self, owner: Owner) -> Option<PhysAddr> {
        if self.counts.used() >= self.counts.pool {
            return None;
        }
        let row = if self.returned != NONE {
            let row = self.returned;
            self.returned = self.table[row as usize].link;
            row
        } else {
            self.next_fresh()?
        };
        let (state, space, vpn) = match owner {
            Owner::Table { space } => (TABLE, space, 0),
            Owner::Page { space, vpn } => (PAGE, space, vpn),
            Owner::Free | Owner::Boot => return None,
        };
        self.table[row as usize] = Frame {
            state,
            refs: 1,
            space,
            vpn,
            ..Frame::EMPTY
        };
        if state == TABLE {
            self.counts.tables += 1;
        } else {
            self.counts.pages += 1;
        }
        self.counts.peak = self.counts.peak.max(self.counts.used());
        Some(self.address(row))
    }

    /// Takes a frame back. One that was not given out is left alone: `false`.
    pub fn free(&mut self, frame: PhysAddr) -> bool {
        let Some(row) = self.row(frame) else {
            return false;
        };
        match self.table[row as usize].state {
            TABLE => self.counts.tables -= 1,
            PAGE => self.counts.pages -= 1,
            _ => return false,
        }
        self.table[row as usize] = Frame {
            state: FREE,
            link: self.returned,
            ..Frame::EMPTY
        };
        self.returned = row;
        true
    }

    /// What the frame is for.
    pub fn owner(&self, frame: PhysAddr) -> Owner {
        let Some(row) = self.row(frame) else {
            let number = frame.raw() / PAGE_BYTES;
            let free = self
                .ram
                .free()
                .iter()
                .any(|span| span.first <= number && number < span.end);
            return if free { Owner::Free } else { Owner::Boot };
        };
        let Frame {
            state, space, vpn, ..
        } = self.table[row as usize];
        match state {
            TABLE => Owner::Table { space },
            PAGE => Owner::Page { space, vpn },
            _ => Owner::Free,
        }
    }

    /// How many tables a space has: looks through all that was ever given out.
    pub fn tables_of(&self, space: u16) -> u32 {
        let spans = self.ram.free().iter().take(self.range + 1).enumerate();
        let rows = spans.flat_map(|(n, span)| {
            let end = if n == self.range {
                self.fresh
            } else {
                span.end
            };
            span.first..end.max(span.first)
        });
        rows.filter(|number| {
            let row = &self.table[(number - self.first) as usize];
            row.state == TABLE && row.space == space
        })
        .count() as u32
    }

    /// The pool in numbers.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    fn next_fresh(&mut self) -> Option<u32> {
        let mut span = *self.ram.free().get(self.range)?;
        if self.fresh == span.end {
            self.range += 1;
            span = *self.ram.free().get(self.range)?;
            self.fresh = span.first;
        }
        let row = (self.fresh - self.first) as u32;
        self.fresh += 1;
        Some(row)
    }

    /// The row of a frame that was given out at least once: the others' rows hold noise.
    fn row(&self, frame: PhysAddr) -> Option<u32> {
        let number = frame.raw() / PAGE_BYTES;
        let ranges = self.ram.free();
        let range = ranges
            .iter()
            .position(|span| span.first <= number && number < span.end)?;
        let written = range < self.range || range == self.range && number < self.fresh;
        written.then_some((number - self.first) as u32)
    }

    fn address(&self, row: u32) -> PhysAddr {
        PhysAddr::new((self.first + u64::from(row)) * PAGE_BYTES)
    }
}

/// The frame allocator as a source of page tables for one space.
pub struct TablesOf<'a> {
    /// Where the frames come from.
    pub frames: &'a mut Frames,
    /// The space's id.
    pub space: u16,
}

impl TableFrames for TablesOf<'_> {
    fn take(&mut self) -> Option<PhysAddr> {
        self.frames.alloc(Owner::Table { space: self.space })
    }

    fn give(&mut self, table: PhysAddr) {
        self.frames.free(table);
    }
}
