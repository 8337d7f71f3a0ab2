//! The frame allocator: who owns which frame of RAM, and why.
//!
//! The table has a row for every frame, but a row is only written when a watermark reaches it:
//! behind the watermark RAM is as boot left it, and nothing is spent on it. What is free in an
//! arena is a list through the rows, so one frame is taken or given in a few instructions.

mod arena;
mod backed;
mod common;
mod counts;
pub(super) mod descriptor;
mod marks;
mod runs;
mod search;
mod tables;
#[cfg(test)]
mod tests;

use pagetable::PhysAddr;

pub use arena::Arena;
pub(super) use common::Sharing;
pub use counts::Counts;
use descriptor::{COMMON, FREE, OBJECT, PAGE, TABLE, ZEROED};
pub use descriptor::{FrameDescriptor, NONE, Owner};
pub use marks::Stamp;
pub use search::RunSearch;
pub use tables::TablesOf;

use super::bootram::Span;
use super::evict::Evictor;
use super::fast::Fast;
use super::magazine::{MAGAZINE, MAX_ARENAS};
use super::store::Backing;
use super::{BootRam, Machine, PAGE_BYTES};

/// All frames of RAM.
#[derive(Debug)]
pub struct Frames {
    table: &'static mut [FrameDescriptor],
    /// Number of the frame that row 0 describes.
    first: u64,
    /// What was free when boot handed over: the truth about rows that were never written.
    ram: BootRam,
    /// In the order in which they are used.
    arenas: [Arena; MAX_ARENAS],
    arenas_used: usize,
    counts: Counts,
    /// Frames that may still be given out.
    available: u32,
    /// See [`Stamp`].
    releases: u32,
    /// Audits that have begun.
    audits: u32,
    /// Frames that several spaces have, or had, in common.
    common: u32,
    limited: bool,
    /// What boot had kept was released.
    has_released: bool,
    /// Frames that come back full of zeros are kept ready for those who want zeros.
    keeps_zeroed: bool,
    /// What the fast path takes from; the heads of the free lists are here.
    pub fast: &'static mut Fast,
    /// Where pages go when frames are short; no store unless boot gives one.
    pub backing: Backing,
    /// Which page goes next.
    pub evictor: Evictor,
    /// Allocations left before one fails, for tests.
    #[cfg(test)]
    pub(crate) fail_after: Option<u32>,
}

impl Frames {
    /// Bytes that the table needs for this RAM.
    pub fn table_bytes(ram: &BootRam) -> usize {
        let Span { first, end } = ram.span();
        (end - first) as usize * size_of::<FrameDescriptor>()
    }

    /// Takes over from the boot allocator: what is free there is the pool, of at most
    /// `limit` frames. `table` has [`Self::table_bytes`]; what it holds does not matter. Every
    /// piece of RAM is an arena; the one that `preferred` lies in is used first.
    pub fn new(
        table: &'static mut [FrameDescriptor],
        fast: &'static mut Fast,
        ram: BootRam,
        limit: Option<u32>,
        preferred: Option<PhysAddr>,
    ) -> Frames {
        let frames = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
        let (total, free) = (frames(ram.total_frames()), frames(ram.free_frames()));
        let pool = limit.map_or(free, |limit| limit.min(free));
        let counts = Counts {
            total,
            boot: total - free,
            pool,
            ..Counts::default()
        };
        let first = ram.span().first;
        *fast = Fast::EMPTY;
        fast.rows = (table.as_mut_ptr() as usize)
            .wrapping_sub((first as usize).wrapping_mul(size_of::<FrameDescriptor>()));
        let mut arenas = [Arena::EMPTY; MAX_ARENAS];
        let mut arenas_used = 0;
        for span in ram.ram() {
            // What is beyond the last place belongs to the last arena: holes are never free.
            if arenas_used == MAX_ARENAS {
                arenas[MAX_ARENAS - 1].end = span.end.min(u32::MAX.into());
                continue;
            }
            // A row has 32 bits for the number of a frame: 16 TiB.
            let end = span.end.min(u32::MAX.into());
            let first = span.first.min(end);
            let wanted = preferred.is_some_and(|at| span.contains(at.raw() / PAGE_BYTES));
            arenas[arenas_used] = Arena {
                first,
                end,
                priority: u8::from(wanted),
                fresh: first,
            };
            arenas_used += 1;
        }
        arenas[..arenas_used].sort_unstable_by_key(|arena| (u8::MAX - arena.priority, arena.first));
        Frames {
            table,
            first,
            ram,
            arenas,
            arenas_used,
            counts,
            available: pool,
            releases: 0,
            audits: 0,
            common: 0,
            limited: limit.is_some(),
            has_released: false,
            keeps_zeroed: true,
            fast,
            backing: Backing::none(),
            evictor: Evictor::START,
            #[cfg(test)]
            fail_after: None,
        }
    }

    /// Gives a frame out; what it holds is arbitrary. `None` when the pool is empty.
    #[inline(always)]
    pub fn alloc(&mut self, owner: Owner) -> Option<PhysAddr> {
        if !self.may_alloc(1) {
            return None;
        }
        let row = FrameDescriptor::of(owner)?;
        let frame = match self.pop() {
            NONE => self.refill()?,
            frame => frame,
        };
        self.enter(frame, row);
        Some(address(frame))
    }

    /// The same, full of zeros.
    #[inline(always)]
    pub fn alloc_zeroed<M: Machine>(&mut self, machine: &mut M, owner: Owner) -> Option<PhysAddr> {
        if self.fast.magazine.count == 0 {
            let frame = self.alloc(owner)?;
            machine.zero_frame(frame);
            return Some(frame);
        }
        if !self.may_alloc(1) {
            return None;
        }
        let row = FrameDescriptor::of(owner)?;
        self.fast.magazine.count -= 1;
        let frame = self.fast.magazine.zeroed[self.fast.magazine.count];
        self.enter(frame, row);
        Some(address(frame))
    }

    /// Is there room for `count` more? Every allocation asks once.
    #[inline(always)]
    fn may_alloc(&mut self, count: u32) -> bool {
        #[cfg(test)]
        if let Some(left) = &mut self.fail_after {
            if *left == 0 {
                return false;
            }
            *left -= 1;
        }
        self.available >= count
    }

    /// Takes a frame back. One that was not given out is left alone: `false`.
    pub fn free(&mut self, frame: PhysAddr) -> bool {
        let Some((arena, at)) = self.row_in(frame) else {
            return false;
        };
        self.begin_release();
        let taken = self.take_back(at);
        if taken {
            self.push_free_in(arena, at);
        }
        taken
    }

    /// The same for a frame full of zeros, as a table is that has become empty: the next one who wants zeros gets it
    /// as it is.
    pub fn free_zeroed(&mut self, frame: PhysAddr) {
        let Some((arena, at)) = self.row_in(frame) else {
            return;
        };
        if !self.take_back(at) {
            return;
        }
        if self.keeps_zeroed && self.fast.magazine.count < MAGAZINE {
            self.table[at] = FrameDescriptor::new(ZEROED, NONE);
            self.fast.magazine.zeroed[self.fast.magazine.count] = (frame.raw() / PAGE_BYTES) as u32;
            self.fast.magazine.count += 1;
        } else {
            self.push_free_in(arena, at);
        }
    }

    /// Frames that are known to be zero are kept apart from the others, or not.
    pub fn keep_zeroed(&mut self, keep: bool) {
        self.keeps_zeroed = keep;
    }

    /// The row's frame is given out no longer; `false` if it was not.
    fn take_back(&mut self, at: usize) -> bool {
        match self.table[at].state() {
            TABLE => self.counts.tables -= 1,
            PAGE => self.counts.pages -= 1,
            OBJECT => self.counts.objects -= 1,
            COMMON => {
                self.counts.pages -= 1;
                self.common -= 1;
            }
            _ => return false,
        }
        if let Some(slot) = self.table[at].slot() {
            self.backing.release(slot);
        }
        // Between two of these, what is given out only grows.
        self.counts.peak = self.counts.peak.max(self.counts.pool - self.available);
        self.available += 1;
        true
    }

    /// Takes a page or table back if it is that space's own. A common page loses the space, and is taken back from the
    /// last one that has it.
    pub fn free_of(&mut self, space: u16, frame: PhysAddr) -> bool {
        let Some((arena, at)) = self.row_in(frame) else {
            return false;
        };
        let row = &self.table[at];
        let is_last = row.state() == COMMON && self.leave_row(at);
        let row = &self.table[at];
        let own = is_last || row.space() == space && matches!(row.state(), TABLE | PAGE);
        if own && self.take_back(at) {
            self.push_free_in(arena, at);
        }
        own
    }

    /// The same for all frames of a leaf. They are of one kind: where the first is not the space's
    /// own, as a device's, none is, and there may be a GiB of them.
    pub fn free_leaf(&mut self, space: u16, first: PhysAddr, bytes: u64) {
        if bytes == PAGE_BYTES {
            self.free_of(space, first);
            return;
        }
        for offset in (0..bytes).step_by(PAGE_BYTES as usize) {
            if !self.free_of(space, first.wrapping_add(offset)) && offset == 0 {
                return;
            }
        }
    }

    /// A page of a space becomes one of another, or lies elsewhere.
    pub(in crate::mm) fn transfer(&mut self, frame: PhysAddr, space: u16, vpn: u32) {
        let (at, row) = (
            self.row(frame),
            FrameDescriptor::of(Owner::Page { space, vpn }),
        );
        let (Some(at), Some(row)) = (at, row) else {
            return;
        };
        if self.table[at].state() == PAGE {
            // Its leaf is dirty from now on: what a slot has of it is not looked at again.
            if let Some(slot) = self.table[at].slot() {
                self.backing.release(slot);
            }
            self.table[at] = row;
            // An audit that has met it already would count it twice.
            self.begin_release();
        }
    }

    /// Puts the row's frame before its arena's list.
    fn push_free(&mut self, at: usize) {
        let number = self.first + at as u64;
        let arenas = &self.arenas[..self.arenas_used];
        let arena = arenas.iter().position(|arena| arena.contains(number));
        self.push_free_in(arena.unwrap_or(0), at);
    }

    #[inline(always)]
    fn push_free_in(&mut self, arena: usize, at: usize) {
        let number = self.first as u32 + at as u32;
        let behind = self.fast.free.heads[arena];
        self.table[at] = FrameDescriptor::new(FREE, behind);
        self.set_before(behind, number);
        self.fast.free.heads[arena] = number;
        // An arena that comes earlier in the order is used first again.
        self.fast.free.active = self.fast.free.active.min(arena * size_of::<u32>());
    }

    /// What the frame is for.
    pub fn owner(&self, frame: PhysAddr) -> Owner {
        match self.row(frame) {
            Some(at) => self.table[at].owner(),
            None if self.was_free_at_boot(frame.raw() / PAGE_BYTES) => Owner::Free,
            None => Owner::Boot,
        }
    }

    /// The pool in numbers.
    pub fn counts(&self) -> Counts {
        let counts = self.counts;
        Counts {
            peak: counts.peak.max(counts.used()),
            ..counts
        }
    }

    /// The arenas in the order in which they are used.
    pub fn arenas(&self) -> &[Arena] {
        &self.arenas[..self.arenas_used]
    }

    /// Free frames that are full of zeros already.
    pub fn zeroed(&self) -> usize {
        self.fast.magazine.count
    }

    /// Fills one more frame with zeros for later; `false` when enough are ready, or none is
    /// free. Meant for a hart that has nothing to do.
    pub fn prezero<M: Machine>(&mut self, machine: &mut M) -> bool {
        let enough = self.fast.magazine.count == MAGAZINE
            || self.fast.magazine.count as u32 >= self.available;
        if enough {
            return false;
        }
        // What is ready already is no source: it would go round.
        let frame = match self.pop() {
            NONE if self.rise_some() => self.pop(),
            frame => frame,
        };
        if frame == NONE {
            return false;
        }
        machine.zero_frame(address(frame));
        let at = self.index(frame);
        self.table[at] = FrameDescriptor::new(ZEROED, NONE);
        self.fast.magazine.zeroed[self.fast.magazine.count] = frame;
        self.fast.magazine.count += 1;
        true
    }

    /// Makes up for what the fast path did since the last time: how many pages it gave out.
    #[inline]
    pub fn account_fast_path(&mut self) -> u32 {
        let served = self.fast.served() as u32;
        if served > 0 {
            self.counts.pages += served;
            self.available -= served;
        }
        served
    }

    /// Lets the fast path go on: as many frames as there are, and as many records as fit into
    /// `slots` from `record` on.
    #[inline]
    pub fn allow_fast(&mut self, record: usize, slots: usize) {
        let room = (self.available as usize).min(slots);
        self.fast.allow(room, record);
    }

    #[inline(always)]
    fn enter(&mut self, frame: u32, row: FrameDescriptor) {
        match row.state() {
            TABLE => self.counts.tables += 1,
            OBJECT => self.counts.objects += 1,
            _ => self.counts.pages += 1,
        }
        self.available -= 1;
        let at = self.index(frame);
        self.table[at] = row;
    }

    /// The first of the active list, if it has one.
    #[inline(always)]
    fn pop(&mut self) -> u32 {
        let arena = self.fast.free.active / size_of::<u32>();
        let frame = self.fast.free.heads[arena];
        if frame != NONE {
            self.fast.free.heads[arena] = self.table[self.index(frame)].link;
        }
        frame
    }

    /// The active list is empty: another one, rows that were never written, or what is zeroed.
    #[cold]
    #[inline(never)]
    fn refill(&mut self) -> Option<u32> {
        if self.rise_some() {
            return Some(self.pop());
        }
        self.fast.magazine.count = self.fast.magazine.count.checked_sub(1)?;
        Some(self.fast.magazine.zeroed[self.fast.magazine.count])
    }

    /// Makes a list active that has a frame; `false` when none has, or can have.
    fn rise_some(&mut self) -> bool {
        for arena in 0..self.arenas_used {
            while self.fast.free.heads[arena] == NONE {
                let Arena { fresh, end, .. } = self.arenas[arena];
                if fresh == end {
                    break;
                }
                self.raise_watermark(arena, fresh + 1);
            }
            if self.fast.free.heads[arena] != NONE {
                self.fast.free.active = arena * size_of::<u32>();
                return true;
            }
        }
        false
    }

    /// Writes rows of an arena at least up to `to`.
    fn raise_watermark(&mut self, arena: usize, to: u64) {
        let Frames {
            table,
            first,
            ram,
            arenas,
            fast,
            ..
        } = self;
        let arena_at = &mut arenas[arena];
        let rows = &mut table[(arena_at.fresh - *first) as usize..];
        let head = &mut fast.free.heads[arena];
        let behind = *head;
        let last = arena_at.raise_watermark(to, rows, ram.free(), head);
        if last != NONE {
            self.set_before(behind, last);
        }
    }

    /// Sets what is before a free frame in its list. Nothing reads it of the first one: taking that one
    /// leaves the next, which is then the first, as it is.
    #[inline(always)]
    fn set_before(&mut self, frame: u32, before: u32) {
        if frame != NONE {
            let at = self.index(frame);
            self.table[at].set_before(before);
        }
    }

    fn was_free_at_boot(&self, number: u64) -> bool {
        self.ram.free().iter().any(|span| span.contains(number))
    }

    fn index(&self, frame: u32) -> usize {
        (u64::from(frame) - self.first) as usize
    }

    /// The row of a frame that the watermark has passed: the others' rows hold noise.
    fn row(&self, frame: PhysAddr) -> Option<usize> {
        self.row_in(frame).map(|(_, at)| at)
    }

    /// The same, with the place of its arena.
    #[inline(always)]
    fn row_in(&self, frame: PhysAddr) -> Option<(usize, usize)> {
        // In 32 bits, which is what a row says of a frame: a hart of 32 bits compares 64 in many steps.
        let number = u32::try_from(frame.raw() / PAGE_BYTES).ok()?;
        let is_in = |arena: &Arena| (arena.first as u32..arena.fresh as u32).contains(&number);
        let place = self.arenas().iter().position(is_in)?;
        Some((place, number.wrapping_sub(self.first as u32) as usize))
    }
}

/// The address of a frame.
fn address(frame: u32) -> PhysAddr {
    PhysAddr::new(u64::from(frame) * PAGE_BYTES)
}
