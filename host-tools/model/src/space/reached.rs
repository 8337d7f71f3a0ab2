//! The tables that one root reaches, and their problems.
//!
//! All counts are computed per table, not per path: a handful of tables may have millions of paths.

use std::collections::{HashMap, HashSet};

use pagetable::{Mode, PhysAddr, Problem, Pte, Refusal, Root, Trouble};

use super::forest::{Forest, Item, NodeId, TreeNode};
use super::problem::Finding;
use super::tables::TableUse;

/// Maximum number of stored problems; further ones are counted.
const MOST_PROBLEMS: usize = 1 << 16;
/// Maximum number of steps in the search for pointers to ancestors.
const MOST_STEPS: usize = 1 << 26;

/// The first path to a table, and the number of paths.
#[derive(Clone, Copy)]
struct Way {
    /// Not sign-extended.
    va: u64,
    /// Parent table, index and entry.
    from: Option<(NodeId, u16, Pte)>,
    times: u64,
}

/// The tables that a root reaches.
pub(crate) struct Reached<'a> {
    forest: &'a Forest,
    root: Root,
    /// From the root down.
    ids: Vec<NodeId>,
    ways: HashMap<NodeId, Way>,
}

/// Problems of the entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    /// By the first address each concerns.
    pub kept: Vec<Finding>,
    /// Number of problems beyond the limit.
    pub lost: u64,
}

impl<'a> Reached<'a> {
    pub fn of(forest: &'a Forest, root: Root, top: Option<NodeId>) -> Self {
        let (mut ids, mut next) = (Vec::new(), Vec::from_iter(top));
        let mut ways = HashMap::new();
        let none = Way {
            va: u64::MAX,
            from: None,
            times: 0,
        };
        while let Some(id) = next.pop() {
            if ways.insert(id, none).is_some() {
                continue;
            }
            ids.push(id);
            next.extend(
                below(forest, id)
                    .map(|(_, _, below)| below)
                    .filter(|it| !ways.contains_key(it)),
            );
        }
        // A table is stored after the tables it points to.
        ids.sort_unstable_by(|a, b| b.cmp(a));
        if let Some(way) = top.and_then(|top| ways.get_mut(&top)) {
            (way.va, way.times) = (0, 1);
        }
        for id in &ids {
            let (Some(here), Some(node)) = (ways.get(id).copied(), forest.node(*id)) else {
                continue;
            };
            for (index, pte, below) in below(forest, *id) {
                let va = here.va | u64::from(index) << root.mode.leaf_shift(node.level);
                if let Some(way) = ways.get_mut(&below) {
                    way.times = way.times.saturating_add(here.times);
                    if va < way.va {
                        (way.va, way.from) = (va, Some((*id, index, pte)));
                    }
                }
            }
        }
        Reached {
            forest,
            root,
            ids,
            ways,
        }
    }

    fn nodes(&self) -> impl Iterator<Item = (NodeId, &'a TreeNode)> {
        let node = |id: &NodeId| Some((*id, self.forest.node(*id)?));
        self.ids.iter().filter_map(node)
    }

    /// Number of items in tables with mappings below them, each table once.
    pub fn steps(&self) -> u64 {
        let nodes = self.nodes().filter(|(_, node)| node.runs > 0);
        nodes.map(|(_, node)| node.items.len() as u64).sum()
    }

    /// The tables that are at least partly in memory, by the first address they translate.
    pub fn tables(&self) -> Vec<TableUse> {
        let mode = self.root.mode;
        let table = |(id, node): (NodeId, &TreeNode)| {
            let way = self.ways.get(&id)?;
            let pointer = way.from.and_then(|(from, index, pte)| {
                let from = self.forest.node(from)?;
                Some((entry_at(mode, from.at, index), pte))
            });
            Some(TableUse {
                at: node.at,
                level: node.level,
                va: mode.sign_extend(way.va),
                pointer,
                valid: node.valid,
                times: way.times,
            })
        };
        let there = self.nodes().filter(|(_, node)| node.is_there);
        let mut tables: Vec<TableUse> = there.filter_map(table).collect();
        tables.sort_by_key(|table| (table.va, table.level));
        tables
    }

    /// The problems, once for each entry and level.
    pub fn problems(&self) -> Problems {
        let (back, unchecked) = self.pointers_back();
        let mut collected = Collector {
            reached: self,
            back,
            seen: HashSet::new(),
            is_out: false,
            problems: Problems {
                lost: unchecked,
                ..Problems::default()
            },
        };
        if let Some(top) = self.ids.first() {
            collected.table(*top);
        }
        collected.problems
    }

    /// Pointers to an ancestor, as table and index, and the number of pointers left unchecked.
    fn pointers_back(&self) -> (HashSet<(NodeId, u16)>, u64) {
        let mut highest: HashMap<PhysAddr, u8> = HashMap::new();
        for (_, node) in self.nodes() {
            let level = highest.entry(node.at).or_insert(node.level);
            *level = node.level.max(*level);
        }
        let mut candidates: Vec<(PhysAddr, NodeId, u16)> = Vec::new();
        for (id, node) in self.nodes() {
            for (index, _, to) in below(self.forest, id) {
                let to = self.forest.node(to).map(|to| to.at);
                let is_above = |at: &PhysAddr| highest.get(at).is_some_and(|it| *it >= node.level);
                candidates.extend(to.filter(is_above).map(|at| (at, id, index)));
            }
        }
        let mut targets: Vec<PhysAddr> = candidates.iter().map(|it| it.0).collect();
        targets.sort_unstable();
        targets.dedup();
        let mut found = HashSet::new();
        let mut steps = 0;
        for part in targets.chunks(64) {
            if steps > MOST_STEPS {
                let left = candidates.iter().filter(|it| it.0 >= part[0]).count();
                return (found, left as u64);
            }
            // Which targets are ancestors of a table or the table itself.
            let mut above: HashMap<NodeId, u64> = HashMap::new();
            for (id, node) in self.nodes() {
                let own = part.binary_search(&node.at).map_or(0, |place| 1 << place);
                let mask = above.entry(id).or_default();
                *mask |= own;
                let mask = *mask;
                steps += if node.is_plain { 1 } else { node.items.len() };
                if mask != 0 {
                    for (_, _, to) in below(self.forest, id) {
                        *above.entry(to).or_default() |= mask;
                    }
                }
            }
            for (at, id, index) in &candidates {
                if let Ok(place) = part.binary_search(at)
                    && above.get(id).is_some_and(|mask| mask >> place & 1 == 1)
                {
                    found.insert((*id, *index));
                }
            }
        }
        (found, 0)
    }
}

/// The child tables: index, entry, table.
fn below(forest: &Forest, id: NodeId) -> impl Iterator<Item = (u16, Pte, NodeId)> {
    let node = forest.node(id).filter(|node| !node.is_plain);
    let items = node.map_or(&[][..], |node| &node.items);
    items.iter().filter_map(|item| match *item {
        Item::Table { index, node, pte } => forest.node(node).map(|_| (index, pte, node)),
        _ => None,
    })
}

fn entry_at(mode: Mode, table: PhysAddr, index: u16) -> PhysAddr {
    table.wrapping_add(u64::from(index) * mode.entry_bytes() as u64)
}

/// Visits each table once, by address.
struct Collector<'a, 'b> {
    reached: &'b Reached<'a>,
    back: HashSet<(NodeId, u16)>,
    seen: HashSet<NodeId>,
    /// Whether the exhausted budget was reported.
    is_out: bool,
    problems: Problems,
}

impl Collector<'_, '_> {
    /// Visits a table and those below it; recursion depth is the number of levels.
    fn table(&mut self, id: NodeId) {
        let forest = self.reached.forest;
        let (Some(node), true) = (forest.node(id), self.seen.insert(id)) else {
            return;
        };
        if !node.is_there {
            let count = self.reached.root.mode.entries() as u16;
            let missing = Trouble::Refused(Refusal::NoMemory);
            return self.note(id, (0, count), None, missing);
        }
        if node.is_plain {
            return;
        }
        for item in &node.items {
            match *item {
                Item::Leaves { .. } => {}
                Item::Refused { index, reason, pte } => {
                    self.note(id, (index, 1), Some(pte), Trouble::Refused(reason));
                }
                Item::Missing { index, count } => {
                    let missing = Trouble::Refused(Refusal::NoMemory);
                    self.note(id, (index, count), None, missing);
                }
                Item::Table { index, pte, node } => self.pointer(id, index, pte, node),
            }
        }
    }

    fn pointer(&mut self, id: NodeId, index: u16, pte: Pte, to: NodeId) {
        if self.back.contains(&(id, index)) {
            self.note(id, (index, 1), Some(pte), Trouble::SelfReference);
        }
        match self.reached.forest.node(to) {
            None if self.is_out => {}
            None => {
                self.is_out = true;
                self.note(id, (index, 1), Some(pte), Trouble::OutOfBudget);
            }
            Some(below) if below.is_there => self.table(to),
            Some(_) => {
                let missing = Trouble::Refused(Refusal::NoMemory);
                self.note(id, (index, 1), Some(pte), missing);
            }
        }
    }

    fn note(&mut self, id: NodeId, place: (u16, u16), entry: Option<Pte>, trouble: Trouble) {
        // An incomplete read is always reported.
        if self.problems.kept.len() >= MOST_PROBLEMS && trouble != Trouble::OutOfBudget {
            self.problems.lost += 1;
            return;
        }
        let Reached {
            forest, root, ways, ..
        } = self.reached;
        let (Some(node), Some(way)) = (forest.node(id), ways.get(&id)) else {
            return;
        };
        let (index, count) = place;
        let va = way.va | u64::from(index) << root.mode.leaf_shift(node.level);
        let below = entry.and_then(|pte| {
            let level = node.level.checked_sub(1)?;
            let below = forest.place(root.mode, pte.target(root.mode), level)?;
            Some(forest.node(below)?.leaves)
        });
        self.problems.kept.push(Finding {
            problem: Problem {
                va: root.mode.sign_extend(va),
                table: node.at,
                index,
                count,
                level: node.level,
                entry,
                trouble,
            },
            times: way.times,
            below: below.unwrap_or(0),
        });
    }
}
