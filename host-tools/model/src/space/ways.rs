//! Every way through the tables of a root, in order of virtual address.

use std::collections::HashSet;

use pagetable::{Mapping, Mode, Root};

use super::filter::Bounds;
use super::forest::{Forest, Item, NodeId, TreeNode, mapping};
use super::range::MappedRange;

/// Entries of tables that were met before are looked at again so often, in one walk through all
/// of a root. A few tables that share tables have more ways than any list has room for; what a
/// kernel maps again on purpose, as shadow memory of one page, has fewer.
const MOST_REPEATED: u64 = 1 << 18;

/// What is done with a table on a way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Enter {
    /// It is looked at.
    Go,
    /// Only those below it are.
    Below,
    /// Neither.
    Skip,
}

/// Who decides which ways are taken.
pub(crate) trait Guide {
    /// The table is reached at this address, not yet sign-extended.
    fn enter(&mut self, forest: &Forest, node: NodeId, va: u64) -> Enter;
}

struct VisitFrame {
    node: NodeId,
    va: u64,
    next: usize,
    is_silent: bool,
}

/// The mappings on the ways that a guide takes.
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

/// Each table on its first way, and on others as long as [`MOST_REPEATED`] lasts.
pub(crate) struct Whole {
    seen: Vec<bool>,
    left: u64,
    /// Entries on ways that were not taken.
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

    /// Whether some ways are not taken, if so many entries are looked at again.
    pub fn is_cut_by(repeated: u64) -> bool {
        repeated > MOST_REPEATED
    }

    /// Whether a table is gone into, below which there are so many entries worth it.
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
        // Where nothing is mapped there is nothing to list.
        match forest.node(id).filter(|node| node.runs > 0) {
            Some(node) => self.take(id, node, node.leaves),
            None => Enter::Skip,
        }
    }
}

/// Only tables that translate one of the wanted addresses; all, if none are named.
pub(crate) struct Within<'a, G> {
    pub mode: Mode,
    pub wanted: &'a [Bounds],
    pub guide: G,
}

impl<G: Guide> Guide for Within<'_, G> {
    fn enter(&mut self, forest: &Forest, id: NodeId, va: u64) -> Enter {
        let level = forest.node(id).map_or(0, |node| node.level);
        // The root translates both halves, and its first address says nothing of the upper one.
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

/// Each table on its first way, and on no other.
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

/// Mappings joined where they continue each other.
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

/// The entries of a mapping, each by itself.
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

/// Ranges joined where their virtual addresses continue, wherever they lie in memory.
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
