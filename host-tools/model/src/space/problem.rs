//! What is wrong in the tables of a space.

use pagetable::Problem;

/// A problem, and how many ways lead to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The problem, at the first address it concerns.
    pub problem: Problem,
    /// How many addresses it concerns: a shared table is met on every way that leads to it.
    pub times: u64,
    /// Of a pointer: entries below it that map pages.
    pub below: u64,
}
