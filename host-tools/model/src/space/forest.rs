//! The tables of several roots, each decoded once.
//!
//! Roots share tables: the kernel half is the same few hundred tables in every task. One root may also reach
//! a table on many paths, up to 512 at each level. So a table is stored once for each level it is read at,
//! with its entries and child tables; a space is a root in the forest. Virtual addresses follow from the path
//! and are not stored.
//!
//! ```text
//! root A ──┬── user tables of A
//!          └──┬── the kernel's tables      stored once, judged once
//! root B ──┬──┘
//!          └── user tables of B
//! ```
//!
//! A table is stored after its child tables, so descending ids visit parents first.

use std::collections::HashMap;

use pagetable::{
    Entry, Leaf, Mapping, Memory, Mode, PhysAddr, Pte, Refusal, Root, ScanBudget, Scanned, scan,
};

/// Index of a table in a forest.
pub(crate) type NodeId = u32;
/// Index of a table that was not read because the budget was used up.
pub(crate) const UNREAD: NodeId = NodeId::MAX;

/// Maximum number of stored entries over all tables: 256 MiB. More means a dump made to exhaust memory.
const MOST_ITEMS: usize = 1 << 24;

/// A run of entries of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Item {
    /// Entries that map contiguous pages with equal attributes.
    Leaves { index: u16, entries: u16, pte: Pte },
    /// A pointer to a table, which may be [`UNREAD`].
    Table { index: u16, node: NodeId, pte: Pte },
    /// An entry that the MMU rejects.
    Refused {
        index: u16,
        reason: Refusal,
        pte: Pte,
    },
    /// Entries whose memory is missing.
    Missing { index: u16, count: u16 },
}

/// A table, read at one level.
#[derive(Debug)]
pub(crate) struct TreeNode {
    pub at: PhysAddr,
    pub level: u8,
    /// Whether any part of it is in memory.
    pub is_there: bool,
    /// Whether every item maps pages, so that nothing is below it and nothing is wrong.
    pub is_plain: bool,
    /// Number of entries with V set.
    pub valid: u16,
    pub items: Box<[Item]>,
    /// Number of items that map pages, here and below, counted per path.
    pub runs: u64,
    /// Number of items that a walk over all paths visits, here and below.
    pub steps: u64,
    /// Number of entries that map pages, counted per path.
    pub leaves: u64,
    /// Bytes mapped, counted per path.
    pub bytes: u128,
}

/// Tables, each stored once for each level it was read at.
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

    /// The table at `at` as read at `level`; `None` if it was not read.
    pub fn place(&self, mode: Mode, at: PhysAddr, level: u8) -> Option<NodeId> {
        self.places.get(&(mode, at.raw(), level)).copied()
    }

    /// Reads the tree below a root, as far as it is new and within `budget`.
    pub fn grow<M: Memory + ?Sized>(
        &mut self,
        memory: &mut M,
        root: Root,
        budget: ScanBudget,
    ) -> Option<NodeId> {
        if root.mode == Mode::Bare {
            return None;
        }
        let mut reader = ForestReader {
            forest: self,
            memory,
            root,
            tables_left: budget.tables,
        };
        let at = root.table.align_down(pagetable::PAGE_BYTES);
        Some(reader.read(at, root.mode.root_level())).filter(|id| *id != UNREAD)
    }
}

struct ForestReader<'a, M: ?Sized> {
    forest: &'a mut Forest,
    memory: &'a mut M,
    root: Root,
    tables_left: u32,
}

impl<M: Memory + ?Sized> ForestReader<'_, M> {
    /// Reads the table and those below it. The level decreases with each call, so the recursion ends.
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

    /// Builds the node of a table, with the sums over its items.
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
                    // Where nothing is mapped there is no path to follow.
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

/// The mapping of `entries` entries from `pte` at `va`, as a visitor of `pagetable` receives it.
pub(crate) fn mapping(root: Root, level: u8, va: u64, entries: u16, pte: Pte) -> Option<Mapping> {
    // It was a leaf when it was read, and nodes do not change.
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
