//! Address spaces: what the MMU maps, and which entries it rejects.

mod area;
mod bands;
mod dialect;
mod filter;
pub(crate) mod forest;
mod problem;
mod range;
mod reached;
mod tables;
pub(crate) mod ways;

pub use area::{AreaOf, NamedArea, area_names, range_names};
pub use bands::{Band, CutPiece, cut};
pub use dialect::{AllBits, guess};
pub use filter::{Attribute, Bounds, Filter};
pub use problem::Finding;
pub use range::MappedRange;
pub use tables::TableUse;

use std::sync::{Arc, OnceLock};

use pagetable::{Dialect, Mapping, Memory, Mode, PhysAddr, Root, Satp, ScanBudget, Trouble};

use forest::{Forest, NodeId};
use reached::{Problems, Reached};
use ways::{Guide, Joined, JoinedVa, Once, Ways, Whole, Within, apart};

/// Maximum length of a list of ranges; further ones are counted only.
const MOST_RANGES: usize = 1 << 18;

/// Which neighbouring mappings form one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Contiguous in virtual and physical addresses, with equal attributes.
    #[default]
    All,
    /// Contiguous in virtual addresses, with equal attributes.
    Va,
    /// No merging: a range is one entry.
    Apart,
}

/// Everything that one root maps. Tables are stored once, however many paths and roots lead to them; a clone
/// is cheap.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    /// Name of the owner where known: a task, as `3 sh`.
    pub name: String,
    /// The root table.
    pub root: Root,
    /// Address space identifier from `satp`.
    pub asid: u16,
    /// All problems, by the first address each concerns.
    pub problems: Vec<Finding>,
    /// Number of problems beyond the limit.
    pub lost_problems: u64,
    /// Number of leaf entries, counted per path.
    pub leaves: u64,
    /// Bytes mapped, counted per path.
    pub mapped_bytes: u128,
    /// Leaf entries on paths that are not listed, because they repeat tables too often for a list.
    pub left_out: u64,
    /// True if the tables were read past the hart's caches, so recent writes may be missing.
    pub is_possibly_stale: bool,
    /// Names of addresses; empty where none are known.
    pub areas: Vec<NamedArea>,
    forest: Arc<Forest>,
    top: Option<NodeId>,
    filter: Filter,
    merge: Merge,
    kept: OnceLock<Vec<MappedRange>>,
}

/// Totals over a list of ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Number of ranges.
    pub ranges: u64,
    /// Number of entries that map them.
    pub leaves: u64,
    /// Bytes mapped.
    pub bytes: u128,
}

impl AddressSpace {
    /// Reads every table below `satp`, with entries in `dialect`.
    pub fn read<M: Memory + ?Sized>(memory: &mut M, satp: Satp, dialect: Dialect) -> AddressSpace {
        AddressSpace::read_within(memory, satp, dialect, ScanBudget::default())
    }

    /// Reads the tables below `satp`, at most as many as `budget` allows.
    pub fn read_within<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: Dialect,
        budget: ScanBudget,
    ) -> AddressSpace {
        let mut forest = Forest::default();
        let top = forest.grow(memory, satp.tree(dialect), budget);
        AddressSpace::of(Arc::new(forest), satp, dialect, top)
    }

    /// Reads the tables of several roots, shared ones once.
    pub fn read_all<M: Memory + ?Sized>(
        memory: &mut M,
        satps: &[Satp],
        dialect: Dialect,
    ) -> Vec<AddressSpace> {
        let mut forest = Forest::default();
        let tops: Vec<_> = satps
            .iter()
            .map(|satp| forest.grow(memory, satp.tree(dialect), ScanBudget::default()))
            .collect();
        let forest = Arc::new(forest);
        let roots = satps.iter().zip(tops);
        roots
            .map(|(satp, top)| AddressSpace::of(Arc::clone(&forest), *satp, dialect, top))
            .collect()
    }

    fn of(forest: Arc<Forest>, satp: Satp, dialect: Dialect, top: Option<NodeId>) -> AddressSpace {
        let root = satp.tree(dialect);
        let reached = Reached::of(&forest, root, top);
        let Problems { kept, lost } = reached.problems();
        let node = top.and_then(|top| forest.node(top));
        let steps = node
            .filter(|node| node.runs > 0)
            .map_or(0, |node| node.steps);
        let is_cut = Whole::is_cut_by(steps.saturating_sub(reached.steps()));
        let mut space = AddressSpace {
            name: String::new(),
            root,
            asid: satp.asid,
            problems: kept,
            lost_problems: lost,
            leaves: node.map_or(0, |node| node.leaves),
            mapped_bytes: node.map_or(0, |node| node.bytes),
            left_out: 0,
            is_possibly_stale: false,
            areas: Vec::new(),
            forest,
            top,
            filter: Filter::default(),
            merge: Merge::All,
            kept: OnceLock::new(),
        };
        if is_cut {
            let mut ways = space.ways();
            ways.by_ref().for_each(drop);
            space.left_out = ways.guide.left_out;
        }
        space
    }

    /// The `satp` value of this space.
    pub fn satp(&self) -> Satp {
        Satp {
            mode: self.root.mode,
            asid: self.asid,
            root: self.root.table,
        }
    }

    /// Paging mode of the tables.
    pub fn mode(&self) -> Mode {
        self.root.mode
    }

    /// Whether the budget left tables unread.
    pub fn is_cut(&self) -> bool {
        let is_out = |it: &Finding| it.problem.trouble == Trouble::OutOfBudget;
        self.lost_problems > 0 || self.problems.iter().any(is_out)
    }

    /// Whether [`AddressSpace::only`] has set a filter.
    pub fn is_part(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Limits the listed ranges to those that pass the filter. Problems and tables are not filtered: they
    /// have no attributes.
    pub fn only(&mut self, filter: &Filter) {
        self.filter = filter.clone();
        self.kept = OnceLock::new();
    }

    /// Sets which neighbours form one range.
    pub fn merge(&mut self, merge: Merge) {
        self.merge = merge;
        self.kept = OnceLock::new();
    }

    /// The tables, once for each level, by the first address they translate.
    pub fn tables(&self) -> Vec<TableUse> {
        Reached::of(&self.forest, self.root, self.top).tables()
    }

    pub(crate) fn ways_by<G: Guide>(&self, guide: G) -> Ways<'_, G> {
        Ways::new(&self.forest, self.root, self.top, guide)
    }

    /// A guide that skips what the filter excludes by address.
    pub(crate) fn within<G: Guide>(&self, guide: G) -> Within<'_, G> {
        Within {
            mode: self.mode(),
            wanted: &self.filter.va,
            guide,
        }
    }

    fn ways(&self) -> Ways<'_, Whole> {
        self.ways_by(Whole::new(&self.forest))
    }

    /// The mapped ranges by address, produced one at a time.
    pub fn each(&self) -> Box<dyn Iterator<Item = MappedRange> + '_> {
        self.shaped(self.ways_by(self.within(Whole::new(&self.forest))))
    }

    /// Mappings as ranges, merged and filtered as set.
    pub(crate) fn shaped<'a>(
        &'a self,
        ways: impl Iterator<Item = Mapping> + 'a,
    ) -> Box<dyn Iterator<Item = MappedRange> + 'a> {
        let ranges: Box<dyn Iterator<Item = MappedRange> + 'a> = match self.merge {
            Merge::Apart => Box::new(ways.flat_map(apart)),
            Merge::All | Merge::Va => Box::new(Joined::new(ways)),
        };
        let taken: Box<dyn Iterator<Item = MappedRange> + 'a> = match self.is_part() {
            true => Box::new(ranges.flat_map(|range| self.filter.taken(&range))),
            false => ranges,
        };
        match self.merge {
            Merge::Va => Box::new(JoinedVa::new(taken)),
            Merge::All | Merge::Apart => taken,
        }
    }

    /// The mapped ranges as a list, up to its limit; [`AddressSpace::lost_ranges`] counts the rest.
    pub fn ranges(&self) -> &[MappedRange] {
        self.kept
            .get_or_init(|| self.each().take(MOST_RANGES).collect())
    }

    /// Number of ranges beyond the limit of [`AddressSpace::ranges`].
    pub fn lost_ranges(&self) -> u64 {
        match self.ranges().len() < MOST_RANGES {
            true => 0,
            false => self.each().skip(MOST_RANGES).count() as u64,
        }
    }

    /// Whether [`AddressSpace::ranges`] was called and was incomplete.
    pub fn is_list_cut(&self) -> bool {
        self.kept.get().is_some() && (self.left_out > 0 || self.lost_ranges() > 0)
    }

    /// Totals over [`AddressSpace::each`].
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for range in self.each() {
            count.ranges += 1;
            count.leaves += range.entries();
            count.bytes += u128::from(range.bytes);
        }
        count
    }

    /// Whether every path below a table leads to one physical page.
    pub(crate) fn is_one_page(&self, at: PhysAddr, level: u8) -> bool {
        let top = self.forest.place(self.mode(), at, level);
        let pages = Ways::new(&self.forest, self.root, top, Once::default());
        let mut pages = pages.map(|it| (it.leaf.pte, it.entries));
        match pages.next() {
            Some(first) => first.1 == 1 && pages.all(|it| it == first),
            None => true,
        }
    }

    pub(crate) fn forest(&self) -> &Arc<Forest> {
        &self.forest
    }

    pub(crate) fn top(&self) -> Option<NodeId> {
        self.top
    }
}
