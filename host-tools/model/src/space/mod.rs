//! An address space: what the MMU maps where, and what it refuses.

mod bands;
mod dialect;
mod filter;
pub(crate) mod forest;
mod problem;
mod range;
mod reached;
mod tables;
pub(crate) mod ways;

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

/// More ranges than this are counted and not kept, where somebody needs them all at once.
const MOST_RANGES: usize = 1 << 18;

/// Which neighbours are one range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Merge {
    /// Those that continue each other in virtual and physical addresses, and are alike.
    #[default]
    All,
    /// Those that continue each other in virtual addresses, wherever they lie, and are alike.
    Va,
    /// None: a range is what one entry maps.
    Apart,
}

/// Everything one root maps. The tables are kept once, however many ways and roots lead to them;
/// a clone costs next to nothing.
#[derive(Clone, Debug)]
pub struct AddressSpace {
    /// Whose it is, where that is known: a task, as `3 sh`.
    pub name: String,
    /// Where the tables begin.
    pub root: Root,
    /// The address space's number.
    pub asid: u16,
    /// All that is wrong, in order of the first address each concerns.
    pub problems: Vec<Finding>,
    /// Problems that were too many to keep.
    pub lost_problems: u64,
    /// Entries that map something, on every way.
    pub leaves: u64,
    /// Bytes that are mapped, on every way.
    pub mapped_bytes: u128,
    /// Entries on ways that are not listed: they repeat tables that are, more often than anybody
    /// could read.
    pub left_out: u64,
    /// The tables were read in a way that need not see what the hart last wrote.
    pub is_possibly_stale: bool,
    forest: Arc<Forest>,
    top: Option<NodeId>,
    filter: Filter,
    merge: Merge,
    kept: OnceLock<Vec<MappedRange>>,
}

/// What a list of ranges comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Ranges.
    pub ranges: u64,
    /// Entries that map them.
    pub leaves: u64,
    /// Bytes that are mapped.
    pub bytes: u128,
}

impl AddressSpace {
    /// Reads every table from `satp`, its entries in `dialect`.
    pub fn read<M: Memory + ?Sized>(memory: &mut M, satp: Satp, dialect: Dialect) -> AddressSpace {
        AddressSpace::read_within(memory, satp, dialect, ScanBudget::default())
    }

    /// The same, reading no more tables than that.
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

    /// Reads the tables of several roots, those that they share once.
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

    /// The register that leads here.
    pub fn satp(&self) -> Satp {
        Satp {
            mode: self.root.mode,
            asid: self.asid,
            root: self.root.table,
        }
    }

    /// The mode of the tables.
    pub fn mode(&self) -> Mode {
        self.root.mode
    }

    /// Whether tables were left unread: there were more than any machine has.
    pub fn is_cut(&self) -> bool {
        let is_out = |it: &Finding| it.problem.trouble == Trouble::OutOfBudget;
        self.lost_problems > 0 || self.problems.iter().any(is_out)
    }

    /// Whether only a part of it is asked for, by [`AddressSpace::only`].
    pub fn is_part(&self) -> bool {
        !self.filter.is_empty()
    }

    /// Leaves what the filter takes. Problems and tables are left as they are: they have no
    /// attributes.
    pub fn only(&mut self, filter: &Filter) {
        self.filter = filter.clone();
        self.kept = OnceLock::new();
    }

    /// Says which neighbours are one range from now on.
    pub fn merge(&mut self, merge: Merge) {
        self.merge = merge;
        self.kept = OnceLock::new();
    }

    /// The tables, each once for every level it was read at, by the first address that they
    /// translate.
    pub fn tables(&self) -> Vec<TableUse> {
        Reached::of(&self.forest, self.root, self.top).tables()
    }

    pub(crate) fn ways_by<G: Guide>(&self, guide: G) -> Ways<'_, G> {
        Ways::new(&self.forest, self.root, self.top, guide)
    }

    /// A guide that passes by what the filter leaves out by its addresses.
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

    /// What the MMU takes, by address, one after the other: nothing is kept.
    pub fn each(&self) -> Box<dyn Iterator<Item = MappedRange> + '_> {
        self.shaped(self.ways_by(self.within(Whole::new(&self.forest))))
    }

    /// Mappings as ranges, merged and filtered as it is asked for.
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

    /// The same as a list, as far as there is room: [`AddressSpace::lost_ranges`] tells what is not in it.
    pub fn ranges(&self) -> &[MappedRange] {
        self.kept
            .get_or_init(|| self.each().take(MOST_RANGES).collect())
    }

    /// Ranges that [`AddressSpace::ranges`] has no room for.
    pub fn lost_ranges(&self) -> u64 {
        match self.ranges().len() < MOST_RANGES {
            true => 0,
            false => self.each().skip(MOST_RANGES).count() as u64,
        }
    }

    /// Whether somebody used [`AddressSpace::ranges`] and did not get everything.
    pub fn is_list_cut(&self) -> bool {
        self.kept.get().is_some() && (self.left_out > 0 || self.lost_ranges() > 0)
    }

    /// What [`AddressSpace::each`] comes to.
    pub fn count(&self) -> Count {
        let mut count = Count::default();
        for range in self.each() {
            count.ranges += 1;
            count.leaves += range.entries();
            count.bytes += u128::from(range.bytes);
        }
        count
    }

    /// Whether all that a table leads to is one page, however often.
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
