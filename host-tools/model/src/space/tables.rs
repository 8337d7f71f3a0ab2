//! The tables of a space, each listed once.

use pagetable::{PhysAddr, Pte, VirtAddr};

/// A table, with the number of paths to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableUse {
    /// Physical address.
    pub at: PhysAddr,
    /// Level at which it was read.
    pub level: u8,
    /// First virtual address that it translates, on its first path.
    pub va: VirtAddr,
    /// The entry that points to it on that path, with the entry's physical address; `None` for the root.
    pub pointer: Option<(PhysAddr, Pte)>,
    /// Number of valid entries.
    pub valid: u16,
    /// Number of paths to it.
    pub times: u64,
}
