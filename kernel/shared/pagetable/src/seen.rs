//! What a visit of a whole tree reports.

use crate::{Leaf, PhysAddr, Pte, Refusal, VirtAddr};

/// Entries that map something: one, or some that follow each other in a table and differ in
/// nothing but their pages, which follow each other too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mapping {
    /// The first address it translates.
    pub va: VirtAddr,
    /// Where that is in memory. Under Svnapot each of the 16 entries is seen by
    /// itself and maps its own 4 KiB.
    pub at: PhysAddr,
    /// Bytes that are translated, all entries together.
    pub bytes: u64,
    /// How many entries; each translates an equal part. More than one only where memory lends
    /// the table.
    pub entries: u16,
    /// The first entry's leaf.
    pub leaf: Leaf,
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// The MMU refuses it.
    Refused(Refusal),
    /// It points to a table that the walk came through. The MMU takes it, and so
    /// does the visit: a walk is never longer than the mode's levels.
    SelfReference,
    /// The budget was used up here: from this address on nothing was looked at.
    OutOfBudget,
}

impl Trouble {
    /// The trouble in words.
    pub const fn text(self) -> &'static str {
        match self {
            Trouble::Refused(reason) => reason.text(),
            Trouble::SelfReference => "points to a table it is reached through",
            Trouble::OutOfBudget => "too many tables: not looked at from here on",
        }
    }
}

/// Where something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Problem {
    /// The first address that it concerns.
    pub va: VirtAddr,
    /// The table that holds the entry.
    pub table: PhysAddr,
    /// Which entry of the table.
    pub index: u16,
    /// How many entries from there: more than one only where memory is missing.
    pub count: u16,
    /// The level at which the table was read.
    pub level: u8,
    /// The entry; nothing where there is no memory.
    pub entry: Option<Pte>,
    /// What is wrong.
    pub trouble: Trouble,
}

impl Problem {
    /// What is wrong, in words.
    pub const fn text(&self) -> &'static str {
        match (self.trouble, self.entry) {
            (Trouble::Refused(Refusal::NoMemory), None) => "is not in memory",
            (Trouble::Refused(Refusal::NoMemory), Some(_)) => "points outside memory",
            (trouble, _) => trouble.text(),
        }
    }
}

/// A table that was looked at, on one way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Visited {
    /// Where it lies.
    pub at: PhysAddr,
    /// The level at which it was read.
    pub level: u8,
    /// The first address that it translates.
    pub va: VirtAddr,
    /// The entry that points to it, and where that entry lies; the root has none.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// How many of its entries have V set.
    pub valid: u16,
}

/// What a visit reports: mappings and problems in order of virtual address, each
/// table behind all that is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// The MMU takes it.
    Mapping(Mapping),
    /// Something is wrong.
    Problem(Problem),
    /// All of a table has been looked at.
    Table(Visited),
}

/// How much a visit may look at. Tables that share tables are read once for each
/// way to them, as the MMU would: 512 pointers to one table, on every level, are
/// millions of ways in three pages of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanBudget {
    /// Tables read, each way to a table counted.
    pub tables: u32,
}

impl Default for ScanBudget {
    /// 131,072 tables: 256 GiB mapped by 4 KiB pages.
    fn default() -> Self {
        ScanBudget { tables: 1 << 17 }
    }
}
