//! The way back: which virtual addresses lead to a physical one, and where bytes are mapped.

use pagetable::{PhysAddr, VirtAddr};

use crate::Space;
use crate::space::{Bounds, MappedRange};

/// A part of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Which of the spaces it is in.
    pub space: usize,
    /// The first address, virtual and physical.
    pub va: VirtAddr,
    /// Where that is in memory.
    pub pa: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
    /// The range it is a part of.
    pub range: MappedRange,
}

/// Every part of the spaces that lies within these physical addresses.
pub fn reaching(spaces: &[Space], wanted: Bounds) -> Vec<Hit> {
    let mut hits = Vec::new();
    for (space, ranges) in spaces.iter().map(|space| &space.ranges).enumerate() {
        for range in ranges {
            let (first, last) = (range.pa.raw(), range.pa.raw().wrapping_add(range.bytes - 1));
            if first > wanted.last || last < wanted.first {
                continue;
            }
            let into = wanted.first.saturating_sub(first);
            hits.push(Hit {
                space,
                va: range.va.wrapping_add(into),
                pa: range.pa.wrapping_add(into),
                bytes: wanted.last.min(last) - (first + into) + 1,
                range: *range,
            });
        }
    }
    hits
}

/// Bytes that are looked for in mapped memory, piece by piece, in order of virtual address. What
/// lies across two pages is found where both are mapped side by side, wherever they lie.
pub struct Search<'a> {
    pattern: &'a [u8],
    /// The end of what came last: too short for the pattern.
    tail: Vec<u8>,
    /// The address behind it.
    next: VirtAddr,
}

impl<'a> Search<'a> {
    /// For these bytes, at least one.
    pub fn new(pattern: &'a [u8]) -> Self {
        Search {
            pattern,
            tail: Vec::new(),
            next: VirtAddr::new(0),
        }
    }

    /// Takes the bytes at `va`; where the pattern begins, in them or in those before.
    pub fn take(&mut self, va: VirtAddr, bytes: &[u8]) -> Vec<VirtAddr> {
        if va != self.next {
            self.tail.clear();
        }
        let begin = va.raw().wrapping_sub(self.tail.len() as u64);
        self.tail.extend(bytes);
        let found = memchr::memmem::find_iter(&self.tail, self.pattern);
        let found: Vec<VirtAddr> = found
            .map(|into| VirtAddr::new(begin.wrapping_add(into as u64)))
            .collect();
        let keep = (self.pattern.len() - 1).min(self.tail.len());
        self.tail.drain(..self.tail.len() - keep);
        self.next = va.wrapping_add(bytes.len() as u64);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_across_two_pieces_is_found_where_they_touch() {
        let mut search = Search::new(b"abc");
        assert!(search.take(VirtAddr::new(0x1000), b"..ab").is_empty());
        assert_eq!(
            search.take(VirtAddr::new(0x1004), b"c.abc"),
            [0x1002, 0x1006].map(VirtAddr::new)
        );
        assert!(search.take(VirtAddr::new(0x1009), b"ab").is_empty());
        assert!(
            search.take(VirtAddr::new(0x2000), b"c").is_empty(),
            "a hole lies between"
        );
    }
}
