//! Problems in the tables of a space.

use pagetable::Problem;

/// A problem, with the number of paths to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The problem, at the first address it concerns.
    pub problem: Problem,
    /// Number of addresses concerned: a shared table counts for every path.
    pub times: u64,
    /// For a pointer: number of leaf entries below it.
    pub below: u64,
}
