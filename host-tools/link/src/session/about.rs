//! A target's RAM and tasks, as its agent reports them.

use pagetable::Dialect;

/// A contiguous range of the target's RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamExtent {
    /// Physical address of the first byte.
    pub base: u64,
    /// Size in bytes.
    pub bytes: u64,
}

/// A row of the target's task table that outlives the frame it came in.
pub type TaskInfo = wire::TaskRecord<String>;

/// The encoding of memory types in the target's leaves; a number this side does not know is `Dialect::None`.
pub fn dialect(about: &wire::About) -> Dialect {
    abi::numbered_dialect(about.dialect)
}
