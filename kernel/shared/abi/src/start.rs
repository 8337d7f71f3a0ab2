//! Registers at the start of a program.
//!
//! ```text
//!   sp, a0   the command line, on top of the stack
//!   a1       its length in bytes
//!   a2       features of the hart, bits of this module
//! ```

/// `a2`: programs may read `instret`. Clear if firmware withholds the counter (`mcounteren.IR`): then
/// `rdinstret` is an illegal instruction.
pub const INSTRET: usize = 1 << 0;
