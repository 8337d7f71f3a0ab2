//! Sparse memory, for text dumps.

use std::collections::BTreeMap;

use pagetable::{Outside, PhysAddr};

use super::{MemorySource, ReadError};

const PAGE: usize = 4096;

/// A page, with the set of its known bytes.
struct Partial {
    bytes: [u8; PAGE],
    known: [u64; PAGE / 64],
}

impl Partial {
    const NOTHING: Partial = Partial {
        bytes: [0; PAGE],
        known: [0; PAGE / 64],
    };

    fn put(&mut self, from: usize, bytes: &[u8]) {
        self.bytes[from..from + bytes.len()].copy_from_slice(bytes);
        for at in from..from + bytes.len() {
            self.known[at / 64] |= 1 << (at % 64);
        }
    }

    /// Whether one of these bytes is known to be another.
    fn differs(&self, from: usize, bytes: &[u8]) -> bool {
        let is_other = self.bytes[from..from + bytes.len()] != *bytes;
        let mut places = (from..).zip(bytes);
        is_other && places.any(|(at, byte)| self.knows(at) && self.bytes[at] != *byte)
    }

    fn knows(&self, at: usize) -> bool {
        self.known[at / 64] >> (at % 64) & 1 == 1
    }
}

/// Memory with holes. A later word for an address replaces an earlier one.
#[derive(Default)]
pub struct Sparse {
    pages: BTreeMap<u64, Box<Partial>>,
    /// Long runs of zeros, as start and end: they keep a dump of mostly empty memory small.
    zeros: BTreeMap<u64, u64>,
    conflicts: usize,
    first_conflict: Option<u64>,
}

impl Sparse {
    /// Stores `bytes` at address `at`; bytes beyond the last address are dropped.
    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let within = at as usize % PAGE;
            let (here, behind) = rest.split_at(rest.len().min(PAGE - within));
            let page = self.pages.entry(at / PAGE as u64);
            let page = page.or_insert_with(|| Box::new(Partial::NOTHING));
            if page.differs(within, here) {
                self.conflicts += 1;
                self.first_conflict.get_or_insert(at);
            }
            page.put(within, here);
            rest = behind;
            let Some(next) = at.checked_add(here.len() as u64) else {
                return;
            };
            at = next;
        }
    }

    /// How often known bytes were replaced by others, and the address of the first time.
    pub fn conflicts(&self) -> Option<(usize, PhysAddr)> {
        let first = self.first_conflict.map(PhysAddr::new);
        first.map(|first| (self.conflicts, first))
    }

    /// Stores zeros from `from` up to `to`.
    pub fn put_zeros(&mut self, from: u64, to: u64) {
        if from < to {
            let end = self.zeros.entry(from).or_default();
            *end = to.max(*end);
        }
    }

    /// Whether no byte is known.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty() && self.zeros.is_empty()
    }

    /// Every aligned word of `bytes` bytes that is known and not zero, by address.
    pub fn words(&self, bytes: usize) -> impl Iterator<Item = (PhysAddr, u64)> {
        self.pages.iter().flat_map(move |(frame, page)| {
            (0..PAGE).step_by(bytes).filter_map(move |within| {
                if !(within..within + bytes).all(|byte| page.knows(byte)) {
                    return None;
                }
                let mut word = [0; 8];
                word[..bytes].copy_from_slice(&page.bytes[within..within + bytes]);
                let word = u64::from_le_bytes(word);
                let at = PhysAddr::new(frame * PAGE as u64 + within as u64);
                (word != 0).then_some((at, word))
            })
        })
    }

    fn byte(&self, at: u64) -> Option<u8> {
        let within = at as usize % PAGE;
        match self.pages.get(&(at / PAGE as u64)) {
            Some(page) if page.knows(within) => Some(page.bytes[within]),
            _ => {
                let (_, end) = self.zeros.range(..=at).next_back()?;
                (at < *end).then_some(0)
            }
        }
    }
}

impl MemorySource for Sparse {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        for (offset, target) in into.iter_mut().enumerate() {
            let known = at
                .checked_add(offset as u64)
                .and_then(|at| self.byte(at.raw()));
            *target = known.ok_or(ReadError::Outside(Outside { at, bytes }))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_outside_and_the_last_word_counts() {
        let mut memory = Sparse::default();
        memory.put(0xffe, &[1, 2, 3, 4]);
        memory.put(0x1000, &[9]);
        memory.put_zeros(0x1002, 0x2000);
        let mut read = |at: u64, bytes: usize| {
            let mut into = vec![0xaa; bytes];
            let read = memory.read(PhysAddr::new(at), &mut into);
            read.map(|()| into).ok()
        };
        assert_eq!(read(0xffe, 6), Some(vec![1, 2, 9, 4, 0, 0]));
        assert_eq!(read(0xffc, 4), None);
        assert_eq!(read(0x1fff, 2), None);
        assert_eq!(read(u64::MAX, 2), None);
    }

    #[test]
    fn nothing_wraps_around_the_end() {
        let mut memory = Sparse::default();
        memory.put(u64::MAX, &[1, 2]);
        assert_eq!(memory.byte(0), None);
        assert_eq!(memory.byte(u64::MAX), Some(1));
    }
}
