//! Statistics below a table, computed once for all paths and roots that lead there.
//!
//! A table maps a list of ranges, with addresses relative to its first. All ranges but the first and the last
//! are the same on every path; these two may continue the neighbouring ones. So the statistics of a table are
//! sums over the inner ranges and these two ends, and they are composed from those of its child tables. This
//! makes the count exact and fast even for tables with too many paths to list.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pagetable::{Mode, Root};

use super::{Stats, TLB_ENTRIES, permission};
use crate::AddressSpace;
use crate::space::MappedRange;
use crate::space::forest::{Forest, Item, NodeId, mapping};

/// Number of page sizes: one per level, and Svnapot.
const SIZES: usize = Mode::MOST_LEVELS + 1;
/// Number of combinations of R, W, X and U.
const PERMISSIONS: usize = 16;

/// Sums over complete ranges.
#[derive(Clone, Copy, Default)]
struct Totals {
    ranges: u64,
    joinable: u128,
    /// Bytes and translations for each page size.
    sizes: [(u128, u64); SIZES],
    permissions: [u128; PERMISSIONS],
}

impl Totals {
    fn add(&mut self, range: &MappedRange, mode: Mode) {
        let bytes = u128::from(range.bytes);
        self.ranges += 1;
        self.joinable += u128::from(joinable(range, mode));
        let size = match range.leaf.is_napot {
            true => SIZES - 1,
            false => usize::from(range.leaf.level),
        };
        self.sizes[size].0 += bytes;
        self.sizes[size].1 += range.bytes.div_ceil(range.leaf.page_bytes);
        self.permissions[(range.flags().raw() >> 1) as usize % PERMISSIONS] += bytes;
    }

    fn add_all(&mut self, other: &Totals) {
        self.ranges += other.ranges;
        self.joinable += other.joinable;
        for (mine, theirs) in self.sizes.iter_mut().zip(other.sizes) {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        for (mine, theirs) in self.permissions.iter_mut().zip(other.permissions) {
            *mine += theirs;
        }
    }
}

/// Statistics below a table.
#[derive(Clone, Copy, Default)]
struct Below {
    inner: Totals,
    first: Option<MappedRange>,
    /// The last range, which may continue; `None` if it is also the first.
    last: Option<MappedRange>,
}

impl Below {
    fn push(&mut self, range: MappedRange, mode: Mode) {
        if let Some(last) = &mut self.last {
            if !last.join_range(&range) {
                self.inner.add(last, mode);
                *last = range;
            }
        } else if let Some(first) = &mut self.first {
            if !first.join_range(&range) {
                self.last = Some(range);
            }
        } else {
            self.first = Some(range);
        }
    }

    /// Appends the statistics of the next table, which starts at `va`.
    fn push_all(&mut self, next: &Below, va: u64, mode: Mode) {
        let moved = |range: MappedRange| MappedRange {
            va: range.va.wrapping_add(va),
            ..range
        };
        let Some(first) = next.first else { return };
        self.push(moved(first), mode);
        let Some(last) = next.last else { return };
        if let Some(done) = self.last.replace(moved(last)) {
            self.inner.add(&done, mode);
        }
        self.inner.add_all(&next.inner);
    }

    fn totals(&self, mode: Mode) -> Totals {
        let mut totals = self.inner;
        for range in [&self.first, &self.last].into_iter().flatten() {
            totals.add(range, mode);
        }
        totals
    }
}

/// Statistics of the tables visited so far.
#[derive(Default)]
pub(super) struct Figures {
    /// The forest of these tables; spaces that were read together share one.
    of: Option<Arc<Forest>>,
    known: HashMap<NodeId, Below>,
}

impl Figures {
    pub fn stats(&mut self, space: &AddressSpace) -> Stats {
        let forest = space.forest();
        if !self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, forest)) {
            self.known.clear();
            self.of = Some(Arc::clone(forest));
        }
        let mode = space.mode();
        let below = match space.top() {
            Some(top) => self.below(forest, space.root, top),
            None => Below::default(),
        };
        let totals = below.totals(mode);
        let mut stats = Stats {
            levels: BTreeMap::new(),
            entries_per_table: mode.entries() as u64,
            sizes: BTreeMap::new(),
            permissions: BTreeMap::new(),
            ranges: totals.ranges,
            joinable_bytes: totals.joinable,
            reach: Vec::new(),
        };
        for table in space.tables() {
            stats.table(&table);
        }
        for (size, it) in (0_u8..).zip(totals.sizes).filter(|(_, it)| it.0 > 0) {
            let bytes = match usize::from(size) == SIZES - 1 {
                true => 16 * pagetable::PAGE_BYTES,
                false => mode.leaf_bytes(size),
            };
            stats.sizes.insert(bytes, it);
        }
        for (flags, bytes) in (0_u64..).zip(totals.permissions).filter(|it| it.1 > 0) {
            let letters = permission(pagetable::Pte::new(flags << 1));
            stats.permissions.insert(letters, bytes);
        }
        stats.reach = TLB_ENTRIES
            .map(|entries| (entries, stats.reached(entries)))
            .into();
        stats
    }

    /// Recursion depth is the number of levels.
    fn below(&mut self, forest: &Forest, root: Root, id: NodeId) -> Below {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let mut sum = Below::default();
        let Some(node) = forest.node(id).filter(|node| node.runs > 0) else {
            return sum;
        };
        let is_root = node.level == root.mode.root_level();
        for item in &node.items {
            match *item {
                Item::Leaves {
                    index,
                    entries,
                    pte,
                } => {
                    let va = u64::from(index) << root.mode.leaf_shift(node.level);
                    if let Some(mapping) = mapping(root, node.level, va, entries, pte) {
                        sum.push(MappedRange::new(&mapping), root.mode);
                    }
                }
                Item::Table {
                    index, node: below, ..
                } => {
                    let va = u64::from(index) << root.mode.leaf_shift(node.level);
                    // Addresses of the root's entries are sign-extended, so the two halves are not adjacent.
                    let va = if is_root {
                        root.mode.sign_extend(va).raw()
                    } else {
                        va
                    };
                    let below = self.below(forest, root, below);
                    sum.push_all(&below, va, root.mode);
                }
                Item::Refused { .. } | Item::Missing { .. } => {}
            }
        }
        self.known.insert(id, sum);
        sum
    }
}

/// Bytes of a range that pages of the next level could map.
fn joinable(range: &MappedRange, mode: Mode) -> u64 {
    if range.leaf.level + 1 >= mode.levels() {
        return 0;
    }
    let larger = mode.leaf_bytes(range.leaf.level + 1);
    if range.va.offset(larger) != range.pa.offset(larger) {
        return 0;
    }
    // The address space ends at 2^64.
    let (from, larger) = (u128::from(range.va.raw()), u128::from(larger));
    let first = from.div_ceil(larger) * larger;
    let end = (from + u128::from(range.bytes)) / larger * larger;
    end.saturating_sub(first) as u64
}
