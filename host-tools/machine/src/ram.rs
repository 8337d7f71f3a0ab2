//! RAM behind a write-back data cache, by what may differ between the two.
//!
//! ```text
//!   cacheable access, page-table walker --> view     what the cache answers
//!   non-cacheable access                --> behind   what the RAM holds, where the two differ
//! ```
//!
//! Lines are 64 bytes, and 512 of them may be dirty at a time, as in the C906's 32 KiB (C906 User
//! Manual, "L1 D-Cache"); the one that has been dirty longest is written back first. A line that the
//! walker has read stays in the cache until it is invalidated: real ones may keep it as long.

use std::collections::VecDeque;

use crate::carrier::{Carrier, SnapshotError};

/// Bytes of a cache line.
pub const LINE: usize = 64;
/// What a snapshot keeps or leaves out.
const PAGE: usize = 4096;
/// Lines that can be dirty at a time: 32 KiB.
const CAPACITY: usize = 512;

/// The cache holds it with bytes that RAM has not got.
pub const DIRTY: u8 = 1;
/// The walker has read it: it is in the cache.
pub const WALKED: u8 = 2;
/// RAM has been written past the cache, which still answers with the old bytes.
pub const STALE: u8 = 4;
/// Instructions were fetched from it.
pub const CODE: u8 = 8;

/// RAM and the cache before it.
pub struct Ram {
    base: u64,
    seed: u64,
    view: Vec<u8>,
    /// Valid for lines that are dirty or stale; elsewhere RAM holds what `view` holds.
    behind: Vec<u8>,
    flags: Vec<u8>,
    /// Dirty lines, the oldest first.
    dirty: VecDeque<u32>,
}

impl Ram {
    /// Memory before its first write: it is full of noise, the same for the same `seed`.
    #[must_use]
    pub fn new(base: u64, size: usize, seed: u64) -> Ram {
        let mut view = vec![0; size];
        let mut state = seed | 1;
        for word in view.chunks_exact_mut(8) {
            // Marsaglia, "Xorshift RNGs".
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        Ram {
            base,
            seed,
            view,
            behind: vec![0; size],
            flags: vec![0; size.div_ceil(LINE)],
            dirty: VecDeque::with_capacity(CAPACITY),
        }
    }

    /// What its noise was made from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    #[must_use]
    pub fn size(&self) -> usize {
        self.view.len()
    }

    /// See `snapshot`. Pages that are still noise are left out; of the lines behind the cache, those that
    /// differ from it are carried.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        self.carry_pages(carrier)?;
        let flagged = self
            .flags
            .iter()
            .enumerate()
            .filter(|(_, flags)| **flags != 0);
        let mut flagged: Vec<[u64; 2]> = flagged
            .map(|(line, flags)| [line as u64, u64::from(*flags)])
            .collect();
        carrier.list(&mut flagged)?;
        let lines = self.flags.len() as u64;
        for [line, flags] in flagged {
            if line >= lines {
                return Err(SnapshotError::Value("such line"));
            }
            let line = line as usize;
            self.flags[line] = flags as u8 & (DIRTY | WALKED | STALE | CODE);
            if self.flags[line] & (DIRTY | STALE) != 0 {
                carrier.raw(&mut self.behind[line * LINE..(line + 1) * LINE])?;
            }
        }
        let mut dirty = self.dirty.iter().map(|&line| [u64::from(line)]).collect();
        carrier.list(&mut dirty)?;
        let is_one = |[line]: &[u64; 1]| *line < lines;
        if dirty.len() > CAPACITY || !dirty.iter().all(is_one) {
            return Err(SnapshotError::Value("such dirty lines"));
        }
        self.dirty = dirty.iter().map(|&[line]| line as u32).collect();
        Ok(())
    }

    fn carry_pages(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let mut numbers = Vec::new();
        if !carrier.reads() {
            let noise = Ram::new(self.base, self.view.len(), self.seed).view;
            let pages = self.view.chunks(PAGE).zip(noise.chunks(PAGE)).enumerate();
            numbers.extend(
                pages
                    .filter(|(_, (is, was))| is != was)
                    .map(|(at, _)| [at as u64]),
            );
        }
        carrier.list(&mut numbers)?;
        for [number] in numbers {
            let number = usize::try_from(number).ok();
            let page = number.and_then(|number| self.view.chunks_mut(PAGE).nth(number));
            carrier.raw(page.ok_or(SnapshotError::Value("such page"))?)?;
        }
        Ok(())
    }

    /// Where a physical address lies in it, if `bytes` from there on do.
    #[inline]
    #[must_use]
    pub fn offset(&self, pa: u64, bytes: usize) -> Option<usize> {
        let at = usize::try_from(pa.checked_sub(self.base)?).ok()?;
        (at.checked_add(bytes)? <= self.view.len()).then_some(at)
    }

    /// What a cacheable load finds.
    #[inline]
    #[must_use]
    pub fn get<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.view.get(at..)?.first_chunk().copied()
    }

    /// As much of it as a debugger or a loader wants, through the cache.
    #[must_use]
    pub fn bytes(&self, at: usize, count: usize) -> Option<&[u8]> {
        self.view.get(at..at.checked_add(count)?)
    }

    /// Fills memory as a loader does that cleans its cache before it jumps; the flags of lines with
    /// instructions in them are its answer to what `code` must forget.
    pub fn load(&mut self, at: usize, bytes: &[u8]) -> Option<()> {
        self.view
            .get_mut(at..at.checked_add(bytes.len())?)?
            .copy_from_slice(bytes);
        Some(())
    }

    /// The flags of the line at `at`.
    #[inline]
    #[must_use]
    pub fn flags(&self, at: usize) -> u8 {
        self.flags.get(at / LINE).copied().unwrap_or(0)
    }

    /// Sets a flag of the line at `at`.
    pub fn mark(&mut self, at: usize, flag: u8) {
        if let Some(flags) = self.flags.get_mut(at / LINE) {
            *flags |= flag;
        }
    }

    /// Clears a flag of the line at `at`.
    pub fn unmark(&mut self, at: usize, flag: u8) {
        if let Some(flags) = self.flags.get_mut(at / LINE) {
            *flags &= !flag;
        }
    }

    /// A cacheable store to a line that is dirty and nothing else; false where it is not, and nothing
    /// was stored.
    #[inline]
    pub fn put_dirty<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> bool {
        if self.flags.get(at / LINE) != Some(&DIRTY) {
            return false;
        }
        match self.view.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => {
                *place = bytes;
                true
            }
            None => false,
        }
    }

    /// A cacheable store within a line. Answers the flags that the line had.
    pub fn put(&mut self, at: usize, bytes: &[u8]) -> u8 {
        let flags = self.flags(at);
        if flags & DIRTY == 0 {
            self.make_dirty(at / LINE);
        }
        if let Some(place) = self.view.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        flags
    }

    fn make_dirty(&mut self, line: usize) {
        if self.dirty.len() == CAPACITY
            && let Some(oldest) = self.dirty.pop_front()
        {
            self.write_back(oldest as usize);
        }
        let span = line * LINE..(line + 1) * LINE;
        if self.flags[line] & STALE == 0 {
            self.behind[span.clone()].copy_from_slice(&self.view[span]);
        }
        self.flags[line] |= DIRTY;
        self.dirty.push_back(line as u32);
    }

    fn write_back(&mut self, line: usize) {
        self.flags[line] &= !(DIRTY | STALE);
    }

    /// What a non-cacheable load finds, within a line.
    #[must_use]
    pub fn get_behind(&self, at: usize, count: usize) -> Option<&[u8]> {
        if self.flags(at) & (DIRTY | STALE) == 0 {
            return self.bytes(at, count);
        }
        self.behind.get(at..at.checked_add(count)?)
    }

    /// A non-cacheable store within a line: RAM changes; the cache does not where it holds the line.
    /// Answers whether it holds it, and so is stale now.
    pub fn put_behind(&mut self, at: usize, bytes: &[u8]) -> bool {
        let line = at / LINE;
        let flags = self.flags(at);
        let is_held = flags & (DIRTY | WALKED | STALE) != 0;
        if is_held {
            let span = line * LINE..(line + 1) * LINE;
            if flags & (DIRTY | STALE) == 0 {
                self.behind[span.clone()].copy_from_slice(&self.view[span]);
            }
            self.flags[line] |= STALE;
        }
        let into = if is_held {
            &mut self.behind
        } else {
            &mut self.view
        };
        if let Some(place) = into.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
        is_held
    }

    /// Writes a line back if it is dirty, and throws it out of the cache if `invalidate`.
    pub fn clean_line(&mut self, at: usize, invalidate: bool) {
        if self.flags(at) & DIRTY != 0 {
            self.write_back(at / LINE);
            self.dirty.retain(|&line| line as usize != at / LINE);
        }
        if invalidate {
            self.drop_line(at / LINE);
        }
    }

    /// Throws a line away, with what RAM has not got. Answers whether something was lost.
    pub fn invalidate_line(&mut self, at: usize) -> bool {
        let was_dirty = self.flags(at) & DIRTY != 0;
        if was_dirty {
            self.dirty.retain(|&line| line as usize != at / LINE);
        }
        self.drop_line(at / LINE);
        was_dirty
    }

    /// The same of every line: `dcache.call`, `ciall`.
    pub fn clean_all(&mut self, invalidate: bool) {
        while let Some(line) = self.dirty.pop_front() {
            self.write_back(line as usize);
        }
        if invalidate {
            self.drop_all();
        }
    }

    /// `dcache.iall`. Answers how many dirty lines were lost.
    pub fn invalidate_all(&mut self) -> usize {
        let lost = self.dirty.len();
        self.dirty.clear();
        self.drop_all();
        lost
    }

    fn drop_all(&mut self) {
        for line in 0..self.flags.len() {
            if self.flags[line] & !CODE != 0 {
                self.drop_line(line);
            }
        }
    }

    /// From here on loads see what RAM holds.
    fn drop_line(&mut self, line: usize) {
        let Some(flags) = self.flags.get_mut(line) else {
            return;
        };
        if *flags & (DIRTY | STALE) != 0 {
            let span = line * LINE..(line + 1) * LINE;
            self.view[span.clone()].copy_from_slice(&self.behind[span]);
        }
        *flags &= CODE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ram() -> Ram {
        let mut ram = Ram::new(0x5000_0000, 1 << 20, 1);
        ram.load(0, &[0; 1 << 16]).expect("it fits");
        ram
    }

    #[test]
    fn invalidating_loses_what_was_not_written_back_and_cleaning_does_not() {
        let mut ram = ram();
        ram.put(0, &[1]);
        ram.clean_line(0, true);
        assert_eq!(ram.get(0), Some([1]));
        ram.put(0, &[2]);
        assert_eq!(ram.get_behind(0, 1), Some(&[1][..]));
        assert_eq!(ram.invalidate_all(), 1);
        assert_eq!(ram.get(0), Some([1]));
    }

    #[test]
    fn the_cache_holds_32_kib_and_writes_the_oldest_line_back() {
        let mut ram = ram();
        for line in 0..=CAPACITY {
            ram.put(line * LINE, &[7]);
        }
        assert_eq!(ram.get_behind(0, 1), Some(&[7][..]));
        assert_eq!(ram.get_behind(LINE, 1), Some(&[0][..]));
        assert_eq!(ram.invalidate_all(), CAPACITY);
    }

    #[test]
    fn a_store_past_the_cache_is_not_seen_where_the_walker_has_read() {
        let mut ram = ram();
        assert!(!ram.put_behind(0, &[1]), "the line is not in the cache");
        assert_eq!(ram.get(0), Some([1]));
        ram.mark(0, WALKED);
        assert!(ram.put_behind(0, &[2]));
        assert_eq!(ram.get(0), Some([1]), "the cache answers");
        assert_eq!(ram.get_behind(0, 1), Some(&[2][..]));
        ram.clean_all(true);
        assert_eq!(ram.get(0), Some([2]));
    }

    #[test]
    fn memory_is_noise_at_power_on_and_the_same_noise_for_the_same_seed() {
        let first = |seed| Ram::new(0, 4096, seed).get::<8>(8);
        assert_eq!(first(3), first(3));
        assert_ne!(first(3), first(5));
        assert_ne!(first(3), Some([0; 8]));
    }
}
