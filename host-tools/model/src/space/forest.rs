//! The tables of some roots, each decoded once.
//!
//! Roots share tables: a kernel's half is the same few hundred in every task. And one root may
//! reach a table on many ways, up to 512 at each level. So a table is kept once for each level it
//! is read at, with its entries and the tables they point to; a space is a root in it. Addresses
//! follow from the way that is taken, and nothing here has any.
//!
//! ```text
//! root A ──┬── user tables of A
//!          └──┬── the kernel's tables      kept once, judged once
//! root B ──┬──┘
//!          └── user tables of B
//! ```
//!
//! A table stands behind those that it points to: downwards by number is from the root down.

use std::collections::HashMap;

use pagetable::{
    Entry, Leaf, Mapping, Memory, Mode, PhysAddr, Pte, Refusal, Root, ScanBudget, Scanned, scan,
};

/// Where in a forest a table is.
pub(crate) type NodeId = u32;
/// A table that the budget left unread.
pub(crate) const UNREAD: NodeId = NodeId::MAX;

/// Entries that are kept of all tables together: 256 MiB. More is a dump made to fill memory.
const MOST_ITEMS: usize = 1 << 24;

/// What some entries of a table are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    /// They map pages that follow each other and are alike.
    Leaves { index: u16, entries: u16, pte: Pte },
    /// It points to a table, which may be [`UNREAD`].
    Table { index: u16, node: NodeId, pte: Pte },
    /// The MMU refuses it.
    Refused {
        index: u16,
        reason: Refusal,
        pte: Pte,
    },
    /// They are not in memory.
    Missing { index: u16, count: u16 },
}

/// A table, read at one level.
#[derive(Debug)]
pub(crate) struct TreeNode {
    pub at: PhysAddr,
    pub level: u8,
    /// Whether any of it is in memory.
    pub is_there: bool,
    /// Whether all of its items map pages: then there is nothing below it, and nothing wrong.
    pub is_plain: bool,
    /// Entries that have V set.
    pub valid: u16,
    pub items: Box<[Item]>,
    /// Items that map pages, its own and those below it, each way counted.
    pub runs: u64,
    /// Items that a walk along all ways below it comes by, its own too.
    pub steps: u64,
    /// Entries that map pages, each way counted.
    pub leaves: u64,
    /// Bytes that are mapped, each way counted.
    pub bytes: u128,
}

/// Tables, each once for each level it was read at.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    nodes: Vec<TreeNode>,
    places: HashMap<(Mode, u64, u8), NodeId>,
    items: usize,
}

impl Forest {
    pub fn node(&self, id: NodeId) -> Option<&TreeNode> {
        self.nodes.get(id as usize)
    }

    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The table at `at` as it is read at `level`, if it was.
    pub fn place(&self, mode: Mode, at: PhysAddr, level: u8) -> Option<NodeId> {
        self.places.get(&(mode, at.raw(), level)).copied()
    }

    /// Reads the tree of a root, as far as it is not known yet and `budget` reaches.
    pub fn grow<M: Memory + ?Sized>(
        &mut self,
        memory: &mut M,
        root: Root,
        budget: ScanBudget,
    ) -> Option<NodeId> {
        if root.mode == Mode::Bare {
            return None;
        }
        let mut reader = Reader {
            forest: self,
            memory,
            root,
            tables_left: budget.tables,
        };
        let at = root.table.align_down(pagetable::PAGE_BYTES);
        Some(reader.read(at, root.mode.root_level())).filter(|id| *id != UNREAD)
    }
}

struct Reader<'a, M: ?Sized> {
    forest: &'a mut Forest,
    memory: &'a mut M,
    root: Root,
    tables_left: u32,
}

impl<M: Memory + ?Sized> Reader<'_, M> {
    /// The table, and all below it. A level is one less each time: this ends.
    fn read(&mut self, at: PhysAddr, level: u8) -> NodeId {
        let place = (self.root.mode, at.raw(), level);
        if let Some(id) = self.forest.places.get(&place) {
            return *id;
        }
        if self.tables_left == 0 || self.forest.items >= MOST_ITEMS {
            return UNREAD;
        }
        self.tables_left -= 1;
        let (mut items, mut pointers) = (Vec::new(), Vec::new());
        let valid = scan(self.memory, self.root, at, level, |scanned| {
            if let Scanned::Pointer { to, .. } = scanned {
                pointers.push((items.len(), to));
            }
            items.push(item(scanned));
        });
        self.forest.items += items.len();
        for (place, to) in pointers {
            if let Item::Table { node, .. } = &mut items[place] {
                *node = self.read(to, level - 1);
            }
        }
        let node = self.node(at, level, valid, items);
        let id = self.forest.nodes.len() as NodeId;
        self.forest.nodes.push(node);
        self.forest.places.insert(place, id);
        id
    }

    /// The table, with what its items come to.
    fn node(&self, at: PhysAddr, level: u8, valid: Option<u16>, items: Vec<Item>) -> TreeNode {
        let mut node = TreeNode {
            at,
            level,
            is_there: valid.is_some(),
            is_plain: items.iter().all(|it| matches!(it, Item::Leaves { .. })),
            valid: valid.unwrap_or(0),
            items: items.into(),
            runs: 0,
            steps: 0,
            leaves: 0,
            bytes: 0,
        };
        let page = u128::from(self.root.mode.leaf_bytes(level));
        for item in &node.items {
            match *item {
                Item::Leaves { entries, .. } => {
                    node.runs = node.runs.saturating_add(1);
                    node.leaves += u64::from(entries);
                    node.bytes += page * u128::from(entries);
                }
                Item::Table { node: below, .. } => {
                    let Some(below) = self.forest.node(below) else {
                        continue;
                    };
                    node.runs = node.runs.saturating_add(below.runs);
                    // Where nothing is mapped nobody goes.
                    if below.runs > 0 {
                        node.steps = node.steps.saturating_add(below.steps);
                    }
                    node.leaves = node.leaves.saturating_add(below.leaves);
                    node.bytes = node.bytes.saturating_add(below.bytes);
                }
                Item::Refused { .. } | Item::Missing { .. } => {}
            }
        }
        node.steps = node.steps.saturating_add(node.items.len() as u64);
        node
    }
}

fn item(scanned: Scanned) -> Item {
    match scanned {
        Scanned::Mapping { index, mapping } => Item::Leaves {
            index,
            entries: mapping.entries,
            pte: mapping.leaf.pte,
        },
        Scanned::Pointer { index, pte, .. } => Item::Table {
            index,
            node: UNREAD,
            pte,
        },
        Scanned::Refused { index, pte, reason } => Item::Refused { index, reason, pte },
        Scanned::Missing { index, count } => Item::Missing { index, count },
    }
}

/// What `entries` of a table map, from `pte` at `va` on: as a visit would have it.
pub(crate) fn mapping(root: Root, level: u8, va: u64, entries: u16, pte: Pte) -> Option<Mapping> {
    // It was a leaf when it was read, and nothing has changed since.
    let Entry::Leaf(leaf) = pte.decode(root.mode, level, root.dialect) else {
        return None;
    };
    let va = root.mode.sign_extend(va);
    Some(Mapping {
        va,
        at: Leaf::at(&leaf, va),
        bytes: u64::from(entries) * root.mode.leaf_bytes(level),
        entries,
        leaf,
    })
}
