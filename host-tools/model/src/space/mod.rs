//! An address space: what the MMU maps where, and what it refuses.

mod bands;
mod dialect;
mod filter;
mod problem;
mod range;
mod tables;

pub use bands::{Band, CutPiece, cut};
pub use dialect::{AllBits, guess};
pub use filter::{Attribute, Bounds, Filter};
pub use problem::Finding;
pub use range::MappedRange;
pub use tables::TableUse;

use pagetable::{Budget, Mapping, Memory, Mode, Problem, Root, Satp, Seen, Trouble, visit_within};

/// More ranges than this are counted and not kept: a few pages of tables that
/// share tables can map more than fits into any memory.
const MOST_RANGES: usize = 1 << 18;

/// Everything one root maps.
pub struct Space {
    /// Whose it is, where that is known: a task, as `3 sh`.
    pub name: String,
    /// Where the tables begin.
    pub root: Root,
    /// The address space's number.
    pub asid: u16,
    /// What the MMU takes, by address, neighbours joined.
    pub ranges: Vec<MappedRange>,
    /// All else, in the order it was met.
    pub problems: Vec<Finding>,
    /// Entries that map something.
    pub leaves: u64,
    /// Bytes that are mapped.
    pub mapped_bytes: u128,
    /// Ranges that were too many to keep.
    pub lost_ranges: u64,
    /// The tables were read in a way that need not see what the hart last wrote.
    pub is_possibly_stale: bool,
    /// Problems that were too many to keep.
    pub lost_problems: u64,
    /// The tables that were looked at, each once for every level it was read at, by the first
    /// address that they translate.
    pub tables: Vec<TableUse>,
    /// Whether only a part of it is left, by [`Space::only`].
    pub is_part: bool,
    known: problem::SeenProblems,
    met: tables::Met,
}

impl Space {
    /// Visits every table from `satp`, its entries read in `dialect`.
    pub fn read<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: pagetable::Dialect,
    ) -> Space {
        Space::read_in(memory, satp, dialect, false, Budget::default())
    }

    /// The same, but a range is what one entry maps.
    pub fn read_apart<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: pagetable::Dialect,
    ) -> Space {
        Space::read_in(memory, satp, dialect, true, Budget::default())
    }

    /// The same as [`Space::read`], looking at no more than that.
    pub fn read_within<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: pagetable::Dialect,
        budget: Budget,
    ) -> Space {
        Space::read_in(memory, satp, dialect, false, budget)
    }

    fn read_in<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: pagetable::Dialect,
        is_apart: bool,
        budget: Budget,
    ) -> Space {
        let root = satp.tree(dialect);
        let mut space = Space {
            name: String::new(),
            root,
            asid: satp.asid,
            ranges: Vec::new(),
            problems: Vec::new(),
            leaves: 0,
            mapped_bytes: 0,
            lost_ranges: 0,
            is_possibly_stale: false,
            lost_problems: 0,
            tables: Vec::new(),
            is_part: false,
            known: problem::SeenProblems::default(),
            met: tables::Met::default(),
        };
        visit_within(memory, root, budget, |seen| match seen {
            Seen::Mapping(mapping) => space.map(&mapping, is_apart),
            Seen::Problem(problem) => space.note(&problem),
            Seen::Table(table) => space.met.note(&mut space.tables, &table),
        });
        space.tables.sort_by_key(|table| (table.va, table.level));
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

    /// Whether the visit had to stop before it had seen everything.
    pub fn is_cut(&self) -> bool {
        let is_out = |it: &Finding| it.problem.trouble == Trouble::OutOfBudget;
        self.lost_ranges > 0 || self.lost_problems > 0 || self.problems.iter().any(is_out)
    }

    /// Joins neighbours that are equal in all but where they lie in memory.
    pub fn join_va(&mut self) {
        let mut joined: Vec<MappedRange> = Vec::with_capacity(self.ranges.len());
        for range in &self.ranges {
            if !joined.last_mut().is_some_and(|last| last.join_va(range)) {
                joined.push(*range);
            }
        }
        self.ranges = joined;
    }

    fn map(&mut self, mapping: &Mapping, is_apart: bool) {
        self.leaves += u64::from(mapping.entries);
        self.mapped_bytes += u128::from(mapping.bytes);
        if is_apart {
            return self.map_apart(mapping);
        }
        // Full: what a hostile dump goes on with must cost little.
        if self.lost_ranges > 0 {
            self.lost_ranges += 1;
            return;
        }
        let last = self.ranges.last_mut();
        if last.is_some_and(|it| it.join(mapping)) {
            return;
        }
        match self.ranges.len() < MOST_RANGES {
            true => self.ranges.push(MappedRange::new(mapping)),
            false => self.lost_ranges += 1,
        }
    }

    /// Each entry is a range.
    fn map_apart(&mut self, mapping: &Mapping) {
        let bytes = mapping.bytes / u64::from(mapping.entries);
        for entry in 0..u64::from(mapping.entries) {
            if self.ranges.len() >= MOST_RANGES {
                self.lost_ranges += 1;
                continue;
            }
            self.ranges.push(MappedRange {
                va: mapping.va.wrapping_add(entry * bytes),
                pa: mapping.at.wrapping_add(entry * bytes),
                bytes,
                leaf: pagetable::Leaf {
                    pte: pagetable::Pte::new(mapping.leaf.pte.raw() + (entry << 10)),
                    base: mapping.leaf.base.wrapping_add(entry * bytes),
                    ..mapping.leaf
                },
                pieces: 1,
            });
        }
    }

    fn note(&mut self, problem: &Problem) {
        if !self.known.note(&mut self.problems, problem) {
            self.lost_problems += 1;
        }
    }
}
