//! An address space: what the MMU maps where, and what it refuses.

mod bands;
mod dialect;
mod problem;
mod range;

pub use bands::Band;
pub use dialect::{AllBits, guess};
pub use problem::Finding;
pub use range::Range;

use pagetable::{Mapping, Memory, Mode, Problem, Root, Satp, Seen, Trouble, visit};

/// More ranges than this are counted and not kept: a few pages of tables that
/// share tables can map more than fits into any memory.
const MOST_RANGES: usize = 1 << 22;

/// Everything one root maps.
pub struct Space {
    /// Where the tables begin.
    pub root: Root,
    /// The address space's number.
    pub asid: u16,
    /// What the MMU takes, by address, neighbours joined.
    pub ranges: Vec<Range>,
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
    known: problem::Known,
}

impl Space {
    /// Visits every table from `satp`, its entries read in `dialect`.
    pub fn read<M: Memory + ?Sized>(
        memory: &mut M,
        satp: Satp,
        dialect: pagetable::Dialect,
    ) -> Space {
        let root = satp.tree(dialect);
        let mut space = Space {
            root,
            asid: satp.asid,
            ranges: Vec::new(),
            problems: Vec::new(),
            leaves: 0,
            mapped_bytes: 0,
            lost_ranges: 0,
            is_possibly_stale: false,
            known: problem::Known::default(),
        };
        visit(memory, root, |seen| match seen {
            Seen::Mapping(mapping) => space.map(&mapping),
            Seen::Problem(problem) => space.note(&problem),
        });
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
        self.lost_ranges > 0 || self.problems.iter().any(is_out)
    }

    fn map(&mut self, mapping: &Mapping) {
        self.leaves += 1;
        self.mapped_bytes += u128::from(mapping.bytes);
        if self.ranges.last_mut().is_some_and(|it| it.join(mapping)) {
            return;
        }
        match self.ranges.len() < MOST_RANGES {
            true => self.ranges.push(Range::new(mapping)),
            false => self.lost_ranges += 1,
        }
    }

    fn note(&mut self, problem: &Problem) {
        self.known.note(&mut self.problems, problem);
    }
}
