//! One hart's own block: the running program's registers, and where its kernel stack is.

use crate::task::context::Context;

/// What `sscratch` points to while a program runs. `trap.S` knows its layout by `offset_of!`.
#[repr(C, align(64))]
pub struct Hart {
    /// The registers of the program that was interrupted, or that will run next.
    pub context: Context,
    /// `instret` at the first instruction after the trap; 0 where it cannot be read.
    pub started: usize,
    /// Top of this hart's kernel stack.
    pub stack: usize,
    /// The SBI's number of this hart.
    pub id: usize,
    /// Where `mm::Fast` is: what the fast path of a page fault needs.
    pub fast: usize,
}
