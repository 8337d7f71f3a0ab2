//! The boot allocator: RAM as ranges, before anything knows frames.

use abi::Error;
use pagetable::PhysAddr;

use super::PAGE_BYTES;

const MAX_RAM: usize = 32;
const MAX_FREE: usize = 128;

/// Frames `first` to `end`, exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Number of the first frame.
    pub first: u64,
    /// Address one past the last byte.
    pub end: u64,
}

impl Span {
    const EMPTY: Span = Span { first: 0, end: 0 };

    fn frames(self) -> u64 {
        self.end - self.first
    }

    /// Does the frame lie in it?
    pub fn contains(&self, frame: u64) -> bool {
        self.first <= frame && frame < self.end
    }
}

/// RAM, and which of it is still free. Hands memory out by cutting it off the free ranges.
#[derive(Debug)]
pub struct BootRam {
    ram: [Span; MAX_RAM],
    ram_used: usize,
    free: [Span; MAX_FREE],
    free_used: usize,
}

impl BootRam {
    /// An account without RAM, to which the device tree's ranges are added.
    pub const fn new() -> BootRam {
        BootRam {
            ram: [Span::EMPTY; MAX_RAM],
            ram_used: 0,
            free: [Span::EMPTY; MAX_FREE],
            free_used: 0,
        }
    }

    /// Adds RAM; parts of pages at the ends are left out, and so is what was added before.
    pub fn add(&mut self, base: u64, bytes: u64) -> Result<(), Error> {
        let end = base.checked_add(bytes).ok_or(Error::BadAddress)? / PAGE_BYTES;
        let span = Span {
            first: base.div_ceil(PAGE_BYTES),
            end,
        };
        let known = self.ram[..self.ram_used]
            .iter()
            .any(|ram| ram.first < span.end && span.first < ram.end);
        if known {
            return Err(Error::InUse);
        }
        if span.first >= span.end {
            return Ok(());
        }
        if self.ram_used == MAX_RAM || self.free_used == MAX_FREE {
            return Err(Error::LimitExceeded);
        }
        let at = self.ram().partition_point(|ram| ram.first < span.first);
        self.ram.copy_within(at..self.ram_used, at + 1);
        self.ram[at] = span;
        self.ram_used += 1;
        let at = self.free().partition_point(|free| free.first < span.first);
        self.insert(at, span)
    }

    /// Takes every page that the range touches out of the free ranges. What is not RAM, or
    /// was taken before, does not matter.
    pub fn reserve(&mut self, base: u64, bytes: u64) -> Result<(), Error> {
        if bytes == 0 {
            return Ok(());
        }
        let end = base
            .checked_add(bytes)
            .ok_or(Error::BadAddress)?
            .div_ceil(PAGE_BYTES);
        let hole = Span {
            first: base / PAGE_BYTES,
            end,
        };
        let mut at = 0;
        while at < self.free_used {
            let span = self.free[at];
            if hole.end <= span.first || span.end <= hole.first {
                at += 1;
                continue;
            }
            let left = Span {
                first: span.first,
                end: hole.first.max(span.first),
            };
            let right = Span {
                first: hole.end.min(span.end),
                end: span.end,
            };
            match (left.frames() > 0, right.frames() > 0) {
                (true, true) => {
                    self.free[at] = left;
                    self.insert(at + 1, right)?;
                    at += 2;
                }
                (true, false) => {
                    self.free[at] = left;
                    at += 1;
                }
                (false, true) => {
                    self.free[at] = right;
                    at += 1;
                }
                (false, false) => {
                    self.free.copy_within(at + 1..self.free_used, at);
                    self.free_used -= 1;
                }
            }
        }
        Ok(())
    }

    fn insert(&mut self, at: usize, span: Span) -> Result<(), Error> {
        if self.free_used == MAX_FREE {
            return Err(Error::LimitExceeded);
        }
        self.free.copy_within(at..self.free_used, at + 1);
        self.free[at] = span;
        self.free_used += 1;
        Ok(())
    }

    /// Hands out whole frames for `bytes`, at a multiple of `align` bytes (a power of two, at
    /// least a page), from the lowest range that has room. Never to come back.
    pub fn take(&mut self, bytes: u64, align: u64) -> Option<PhysAddr> {
        let frames = bytes.div_ceil(PAGE_BYTES);
        let align = (align / PAGE_BYTES).max(1);
        let start = self.free().iter().find_map(|span| {
            let start = span.first.next_multiple_of(align);
            (start.checked_add(frames)? <= span.end).then_some(start)
        })?;
        let at = start * PAGE_BYTES;
        self.reserve(at, frames * PAGE_BYTES).ok()?;
        Some(PhysAddr::new(at))
    }

    /// Frees what was reserved, for as far as it is RAM. Nothing of it may be free already.
    pub fn release(&mut self, span: Span) -> Result<(), Error> {
        if span.first >= span.end {
            return Ok(());
        }
        let at = self.free().partition_point(|free| free.first < span.first);
        if at > 0 && self.free[at - 1].end == span.first {
            self.free[at - 1].end = span.end;
            return Ok(());
        }
        if at < self.free_used && self.free[at].first == span.end {
            self.free[at].first = span.first;
            return Ok(());
        }
        self.insert(at, span)
    }

    /// All RAM, ascending and without overlaps.
    pub fn ram(&self) -> &[Span] {
        &self.ram[..self.ram_used]
    }

    /// Is that frame RAM, free or not?
    pub fn is_ram(&self, frame: u64) -> bool {
        self.ram().iter().any(|span| span.contains(frame))
    }

    /// RAM that nothing occupies yet, ascending, in whole frames.
    pub fn free(&self) -> &[Span] {
        &self.free[..self.free_used]
    }

    /// Frames of RAM, free or not.
    pub fn total_frames(&self) -> u64 {
        self.ram[..self.ram_used]
            .iter()
            .map(|span| span.frames())
            .sum()
    }

    /// Number of frames in the free ranges.
    pub fn free_frames(&self) -> u64 {
        self.free().iter().map(|span| span.frames()).sum()
    }

    /// From the lowest to the highest frame of RAM.
    pub fn span(&self) -> Span {
        let ram = &self.ram[..self.ram_used];
        let first = ram.iter().map(|span| span.first).min().unwrap_or(0);
        Span {
            first,
            end: ram.iter().map(|span| span.end).max().unwrap_or(0),
        }
    }

    /// Every page of the range is RAM, and none is free.
    pub fn is_reserved(&self, base: PhysAddr, bytes: u64) -> bool {
        let Some(end) = base.raw().checked_add(bytes) else {
            return false;
        };
        let span = Span {
            first: base.raw() / PAGE_BYTES,
            end: end.div_ceil(PAGE_BYTES),
        };
        let in_ram = self.ram[..self.ram_used]
            .iter()
            .any(|ram| ram.first <= span.first && span.end <= ram.end);
        in_ram
            && self
                .free()
                .iter()
                .all(|free| span.end <= free.first || free.end <= span.first)
    }
}

impl Default for BootRam {
    fn default() -> BootRam {
        BootRam::new()
    }
}
