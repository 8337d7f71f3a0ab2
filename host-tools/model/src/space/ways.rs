//! Walks over the paths through a root's tables, in order of virtual address.

use std::collections::HashSet;

use pagetable::{Mapping, Mode, Root};

use super::filter::Bounds;
use super::forest::{Forest, Item, NodeId, TreeNode, mapping};
use super::range::MappedRange;

/// Limit for entries visited again in one walk over a root. A few tables that share tables have more paths
/// than a list can hold; intended sharing, such as shadow memory of one page, stays below the limit.
const MOST_REPEATED: u64 = 1 << 18;

/// What to do with a table on a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enter {
    /// List it and descend.
    Go,
    /// Only descend.
    Below,
    /// Skip it and everything below.
    Skip,
}

/// Decides which paths a walk follows.
pub(crate) trait Guide {
    /// Called for the table at virtual address `va`, which is not sign-extended.
    fn enter(&mut self, forest: &Forest, node: NodeId, va: u64) -> Enter;
}

struct VisitFrame {
    node: NodeId,
    va: u64,
    next: usize,
    is_silent: bool,
}

/// The mappings on the paths that a guide follows.
pub(crate) struct Ways<'a, G> {
    forest: &'a Forest,
    root: Root,
    frames: Vec<VisitFrame>,
    pub guide: G,
}

impl<'a, G: Guide> Ways<'a, G> {
    pub fn new(forest: &'a Forest, root: Root, top: Option<NodeId>, guide: G) -> Self {
        let mut ways = Ways {
            forest,
            root,
            frames: Vec::new(),
            guide,
        };
        if let Some(top) = top {
            ways.enter(top, 0);
        }
        ways
    }

    fn enter(&mut self, node: NodeId, va: u64) {
        let enter = self.guide.enter(self.forest, node, va);
        if enter != Enter::Skip {
            self.frames.push(VisitFrame {
                node,
                va,
                next: 0,
                is_silent: enter == Enter::Below,
            });
        }
    }
}

impl<G: Guide> Iterator for Ways<'_, G> {
    type Item = Mapping;

    fn next(&mut self) -> Option<Mapping> {
        loop {
            let frame = self.frames.last_mut()?;
            let node = self.forest.node(frame.node)?;
            let Some(item) = node.items.get(frame.next) else {
                self.frames.pop();
                continue;
            };
            frame.next += 1;
            let shift = self.root.mode.leaf_shift(node.level);
            let at = |index: u16| frame.va | u64::from(index) << shift;
            match *item {
                Item::Leaves {
                    index,
                    entries,
                    pte,
                } if !frame.is_silent => {
                    let found = mapping(self.root, node.level, at(index), entries, pte);
                    if found.is_some() {
                        return found;
                    }
                }
                Item::Table { index, node, .. } => {
                    let va = at(index);
                    self.enter(node, va);
                }
                _ => {}
            }
        }
    }
}

/// Follows the first path to each table, and repeated ones up to [`MOST_REPEATED`] entries.
pub(crate) struct Whole {
    seen: Vec<bool>,
    left: u64,
    /// Entries on paths that were skipped.
    pub left_out: u64,
}

impl Whole {
    pub fn new(forest: &Forest) -> Self {
        Whole {
            seen: vec![false; forest.len()],
            left: MOST_REPEATED,
            left_out: 0,
        }
    }

    /// Whether a walk with that many repeated entries skips paths.
    pub fn is_cut_by(repeated: u64) -> bool {
        repeated > MOST_REPEATED
    }

    /// Decides whether to enter a table with `leaves` entries of interest below it.
    pub fn take(&mut self, id: NodeId, node: &TreeNode, leaves: u64) -> Enter {
        if !std::mem::replace(&mut self.seen[id as usize], true) {
            return Enter::Go;
        }
        if node.steps > self.left {
            self.left_out = self.left_out.saturating_add(leaves);
            return Enter::Skip;
        }
        self.left -= node.items.len() as u64;
        Enter::Go
    }
}

impl Guide for Whole {
    fn enter(&mut self, forest: &Forest, id: NodeId, _: u64) -> Enter {
        // No mappings, nothing to list.
        match forest.node(id).filter(|node| node.runs > 0) {
            Some(node) => self.take(id, node, node.leaves),
            None => Enter::Skip,
        }
    }
}

/// Follows tables that translate one of the wanted addresses; all if the list is empty.
pub(crate) struct Within<'a, G> {
    pub mode: Mode,
    pub wanted: &'a [Bounds],
    pub guide: G,
}

impl<G: Guide> Guide for Within<'_, G> {
    fn enter(&mut self, forest: &Forest, id: NodeId, va: u64) -> Enter {
        let level = forest.node(id).map_or(0, |node| node.level);
        // The root translates both halves, so its first address does not bound the upper half.
        if !self.wanted.is_empty() && level < self.mode.root_level() {
            let first = self.mode.sign_extend(va).raw();
            let bytes = self.mode.leaf_bytes(level) << self.mode.index_bits();
            let last = first + (bytes - 1);
            let meets = |it: &Bounds| it.first <= last && first <= it.last;
            if !self.wanted.iter().any(meets) {
                return Enter::Skip;
            }
        }
        self.guide.enter(forest, id, va)
    }
}

/// Follows the first path to each table only.
#[derive(Default)]
pub(crate) struct Once(HashSet<NodeId>);

impl Guide for Once {
    fn enter(&mut self, _: &Forest, id: NodeId, _: u64) -> Enter {
        match self.0.insert(id) {
            true => Enter::Go,
            false => Enter::Skip,
        }
    }
}

/// Joins mappings that continue each other.
pub(crate) struct Joined<I> {
    mappings: I,
    open: Option<MappedRange>,
}

impl<I: Iterator<Item = Mapping>> Joined<I> {
    pub fn new(mappings: I) -> Self {
        Joined {
            mappings,
            open: None,
        }
    }
}

impl<I: Iterator<Item = Mapping>> Iterator for Joined<I> {
    type Item = MappedRange;

    fn next(&mut self) -> Option<MappedRange> {
        for mapping in self.mappings.by_ref() {
            let open = self.open.as_mut();
            if !open.is_some_and(|open| open.join(&mapping)) {
                let done = self.open.replace(MappedRange::new(&mapping));
                if done.is_some() {
                    return done;
                }
            }
        }
        self.open.take()
    }
}

/// Splits a mapping into its entries.
pub(crate) fn apart(mapping: Mapping) -> impl Iterator<Item = MappedRange> {
    let bytes = mapping.bytes / u64::from(mapping.entries);
    (0..u64::from(mapping.entries)).map(move |entry| MappedRange {
        va: mapping.va.wrapping_add(entry * bytes),
        pa: mapping.at.wrapping_add(entry * bytes),
        bytes,
        leaf: pagetable::Leaf {
            pte: pagetable::Pte::new(mapping.leaf.pte.raw() + (entry << 10)),
            base: mapping.leaf.base.wrapping_add(entry * bytes),
            ..mapping.leaf
        },
        pieces: 1,
    })
}

/// Joins ranges that continue each other in virtual addresses.
pub(crate) struct JoinedVa<I> {
    ranges: I,
    open: Option<MappedRange>,
}

impl<I: Iterator<Item = MappedRange>> JoinedVa<I> {
    pub fn new(ranges: I) -> Self {
        JoinedVa { ranges, open: None }
    }
}

impl<I: Iterator<Item = MappedRange>> Iterator for JoinedVa<I> {
    type Item = MappedRange;

    fn next(&mut self) -> Option<MappedRange> {
        for range in self.ranges.by_ref() {
            let open = self.open.as_mut();
            if !open.is_some_and(|open| open.join_va(&range)) {
                let done = self.open.replace(range);
                if done.is_some() {
                    return done;
                }
            }
        }
        self.open.take()
    }
}
