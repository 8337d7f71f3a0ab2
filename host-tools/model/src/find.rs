//! Reverse lookup: which virtual addresses map a physical range, and where bytes occur in mapped memory.

use std::collections::HashMap;
use std::sync::Arc;

use pagetable::{PhysAddr, Root, VirtAddr};

use crate::AddressSpace;
use crate::space::forest::{Forest, Item, NodeId, mapping};
use crate::space::ways::{Enter, Guide, Whole};
use crate::space::{Bounds, MappedRange};

/// A part of a mapped range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index of the space.
    pub space: usize,
    /// First virtual address of the part.
    pub va: VirtAddr,
    /// Physical address of `va`.
    pub pa: PhysAddr,
    /// Length in bytes.
    pub bytes: u64,
    /// The mapped range that contains it.
    pub range: MappedRange,
}

/// The mappings of some physical addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaching {
    /// Sorted by space, then by virtual address.
    pub hits: Vec<Hit>,
    /// Whether the limit cut the list.
    pub is_cut: bool,
}

/// Up to `most` parts of the spaces within these physical addresses. Tables that lead to none are skipped.
pub fn reaching(spaces: &[AddressSpace], wanted: Bounds, most: usize) -> Reaching {
    let mut found = Reaching::default();
    let mut near = Near::default();
    for (place, space) in spaces.iter().enumerate() {
        near.is_of(space, wanted);
        let mut ways = space.ways_by(space.within(Towards {
            near: &near.runs,
            whole: Whole::new(space.forest()),
        }));
        for range in space.shaped(ways.by_ref()) {
            let (first, last) = (range.pa.raw(), range.pa.raw().wrapping_add(range.bytes - 1));
            if first > wanted.last || last < wanted.first {
                continue;
            }
            if found.hits.len() == most {
                found.is_cut = true;
                return found;
            }
            let into = wanted.first.saturating_sub(first);
            found.hits.push(Hit {
                space: place,
                va: range.va.wrapping_add(into),
                pa: range.pa.wrapping_add(into),
                bytes: wanted.last.min(last) - (first + into) + 1,
                range,
            });
        }
        found.is_cut |= ways.guide.guide.whole.left_out > 0;
    }
    found
}

/// For each table, the number of runs below it within the wanted addresses.
#[derive(Default)]
struct Near {
    of: Option<Arc<Forest>>,
    runs: HashMap<NodeId, u64>,
}

impl Near {
    /// Counts the tables of a space; tables shared with an earlier space are already counted.
    fn is_of(&mut self, space: &AddressSpace, wanted: Bounds) {
        let forest = space.forest();
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, forest)) {
            self.runs.clear();
            self.of = Some(Arc::clone(forest));
        }
        if let Some(top) = space.top() {
            self.count(forest, space.root, top, wanted);
        }
    }

    /// Recursion depth is the number of levels.
    fn count(&mut self, forest: &Forest, root: Root, id: NodeId, wanted: Bounds) -> u64 {
        if let Some(known) = self.runs.get(&id) {
            return *known;
        }
        let items = forest.node(id).map_or(&[][..], |node| &node.items);
        let level = forest.node(id).map_or(0, |node| node.level);
        let mut runs = 0_u64;
        for item in items {
            runs = runs.saturating_add(match *item {
                Item::Leaves { entries, pte, .. } => {
                    let run = mapping(root, level, 0, entries, pte);
                    let is_near = run.is_some_and(|run| {
                        let first = run.at.raw();
                        first <= wanted.last && first.wrapping_add(run.bytes - 1) >= wanted.first
                    });
                    u64::from(is_near)
                }
                Item::Table { node, .. } => self.count(forest, root, node, wanted),
                Item::Refused { .. } | Item::Missing { .. } => 0,
            });
        }
        self.runs.insert(id, runs);
        runs
    }
}

/// Guides a walk to tables that lead to the wanted addresses.
struct Towards<'a> {
    near: &'a HashMap<NodeId, u64>,
    whole: Whole,
}

impl Guide for Towards<'_> {
    fn enter(&mut self, forest: &Forest, id: NodeId, _: u64) -> Enter {
        match (self.near.get(&id), forest.node(id)) {
            (Some(runs), Some(node)) if *runs > 0 => self.whole.take(id, node, *runs),
            _ => Enter::Skip,
        }
    }
}

/// A pattern that is searched for in mapped memory, piece by piece, in order of virtual address. A
/// match across two pages is found where both are mapped side by side, wherever they lie.
pub struct Search<'a> {
    pattern: &'a [u8],
    /// The end of the piece before, one byte shorter than the pattern at most.
    tail: Vec<u8>,
    /// Virtual address after it.
    next: VirtAddr,
}

impl<'a> Search<'a> {
    /// A search for `pattern`, of at least one byte.
    pub fn new(pattern: &'a [u8]) -> Self {
        Search {
            pattern,
            tail: Vec::new(),
            next: VirtAddr::new(0),
        }
    }

    /// Adds the piece at `va`, scanned for the same pattern. Returns where matches begin, in it or
    /// in the piece before; in ascending order.
    pub fn take(&mut self, va: VirtAddr, piece: &ScannedPiece) -> Vec<VirtAddr> {
        if va != self.next {
            self.tail.clear();
        }
        let before = self.tail.len();
        let begin = va.raw().wrapping_sub(before as u64);
        self.tail.extend(&piece.head);
        let across = memchr::memmem::find_iter(&self.tail, self.pattern);
        let within = piece.matches.iter().map(|into| before + *into as usize);
        let found = across
            .chain(within)
            .map(|into| VirtAddr::new(begin.wrapping_add(into as u64)))
            .collect();
        self.tail.truncate(before);
        self.tail.extend(&piece.tail);
        let keep = (self.pattern.len() - 1).min(self.tail.len());
        self.tail.drain(..self.tail.len() - keep);
        self.next = va.wrapping_add(piece.bytes);
        found
    }
}

/// What a search has to know of a piece of memory: enough to map it a second time without reading
/// it again.
pub struct ScannedPiece {
    bytes: u64,
    /// Offsets of the matches that lie within the piece.
    matches: Vec<u32>,
    /// The first and the last bytes, one fewer than the pattern has: too short for a match alone.
    head: Box<[u8]>,
    tail: Box<[u8]>,
}

impl ScannedPiece {
    /// Scans `bytes`, of 4 GiB at most, for `pattern`.
    pub fn new(pattern: &[u8], bytes: &[u8]) -> Self {
        let end = (pattern.len() - 1).min(bytes.len());
        let matches = memchr::memmem::find_iter(bytes, pattern);
        ScannedPiece {
            bytes: bytes.len() as u64,
            matches: matches.map(|into| into as u32).collect(),
            head: bytes[..end].into(),
            tail: bytes[bytes.len() - end..].into(),
        }
    }

    /// Bytes of memory that it takes, about.
    pub fn cost(&self) -> usize {
        size_of::<Self>() + self.head.len() + self.tail.len() + 4 * self.matches.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a search finds the pattern in these pieces.
    fn found(pattern: &[u8], pieces: &[(u64, &[u8])]) -> Vec<u64> {
        let mut search = Search::new(pattern);
        let found = pieces.iter().flat_map(|(va, bytes)| {
            search.take(VirtAddr::new(*va), &ScannedPiece::new(pattern, bytes))
        });
        found.map(VirtAddr::raw).collect()
    }

    #[test]
    fn a_pattern_across_two_pieces_is_found_where_they_touch() {
        let pieces: [(u64, &[u8]); 3] = [(0x1000, b"..ab"), (0x1004, b"c.abc"), (0x1009, b"ab")];
        assert_eq!(found(b"abc", &pieces), [0x1002, 0x1006]);
        let apart: [(u64, &[u8]); 2] = [(0x1009, b"ab"), (0x2000, b"c")];
        assert_eq!(found(b"abc", &apart), [], "a hole lies between");
    }

    #[test]
    fn a_pattern_longer_than_each_piece_is_found_across_all_of_them() {
        let pieces: [(u64, &[u8]); 5] = [
            (0, b"ab"),
            (2, b"c"),
            (3, b"de"),
            (5, b"fabcd"),
            (10, b"ef"),
        ];
        assert_eq!(found(b"abcdef", &pieces), [0, 6]);
    }

    #[test]
    fn a_pattern_of_one_byte_is_found_at_every_place() {
        assert_eq!(
            found(b"a", &[(0x10, b"aba"), (0x13, b"a")]),
            [0x10, 0x12, 0x13]
        );
    }
}
