//! The tables of a space, each kept once.

use pagetable::{PhysAddr, Pte, VirtAddr};

/// A table, and how many ways lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// Where it lies.
    pub at: PhysAddr,
    /// The level at which it was read.
    pub level: u8,
    /// The first address that it translates, on the first way to it.
    pub va: VirtAddr,
    /// The entry that points to it on that way, and where that lies; the root has none.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// How many of its entries are valid.
    pub valid: u16,
    /// On how many ways it was reached.
    pub times: u64,
}
