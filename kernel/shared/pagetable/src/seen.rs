//! Events of a visit to a whole tree.

use crate::{Leaf, PhysAddr, Pte, Refusal, VirtAddr};

/// One entry that maps memory, or a run of adjacent entries that map contiguous pages and are otherwise
/// equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// First virtual address.
    pub va: VirtAddr,
    /// Physical address of `va`. Under Svnapot each of the 16 entries is reported alone, with its own 4 KiB.
    pub at: PhysAddr,
    /// Length of the run in bytes.
    pub bytes: u64,
    /// Number of entries, of equal size. More than one only if memory lends the table.
    pub entries: u16,
    /// Leaf of the first entry.
    pub leaf: Leaf,
}

/// A problem of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The MMU rejects it.
    Refused(Refusal),
    /// It points to a table on the current path. The MMU accepts it, and the visit follows it: a path is
    /// never longer than the mode's levels.
    SelfReference,
    /// The budget was used up here: from this address on nothing was read.
    OutOfBudget,
}

impl Trouble {
    /// The problem as text.
    pub const fn text(self) -> &'static str {
        match self {
            Trouble::Refused(reason) => reason.text(),
            Trouble::SelfReference => "points to a table it is reached through",
            Trouble::OutOfBudget => "too many tables: not looked at from here on",
        }
    }
}

/// A problem and its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// First virtual address concerned.
    pub va: VirtAddr,
    /// Physical address of the table.
    pub table: PhysAddr,
    /// Index of the entry.
    pub index: u16,
    /// Number of entries; more than one only where memory is missing.
    pub count: u16,
    /// Level at which the table was read.
    pub level: u8,
    /// Value of the entry; `None` if it is not in memory.
    pub entry: Option<Pte>,
    /// Kind of problem.
    pub trouble: Trouble,
}

impl Problem {
    /// The problem as text.
    pub const fn text(&self) -> &'static str {
        match (self.trouble, self.entry) {
            (Trouble::Refused(Refusal::NoMemory), None) => "is not in memory",
            (Trouble::Refused(Refusal::NoMemory), Some(_)) => "points outside memory",
            (trouble, _) => trouble.text(),
        }
    }
}

/// A table that was read, on one path to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visited {
    /// Physical address of the table.
    pub at: PhysAddr,
    /// Level at which it was read.
    pub level: u8,
    /// First virtual address that it translates.
    pub va: VirtAddr,
    /// The entry that points to it, with the entry's physical address; `None` for the root.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// Number of entries with V set.
    pub valid: u16,
}

/// An event of a visit: mappings and problems in order of virtual address, each table after everything below
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// A mapping that the MMU accepts.
    Mapping(Mapping),
    /// A problem of an entry.
    Problem(Problem),
    /// The end of a table.
    Table(Visited),
}

/// Limit of a visit. Tables that share tables are read once for each path, as the MMU would: 512 pointers to
/// one table, on every level, are millions of paths in three pages of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanBudget {
    /// Number of table reads, counted per path.
    pub tables: u32,
}

impl Default for ScanBudget {
    /// 131,072 tables: 256 GiB mapped by 4 KiB pages.
    fn default() -> Self {
        ScanBudget { tables: 1 << 17 }
    }
}
