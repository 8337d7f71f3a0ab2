//! What a program finds in its registers when it starts.
//!
//! ```text
//!   sp, a0   the command line, on top of the stack
//!   a1       its length in bytes
//!   a2       what the hart offers, bits of this module
//! ```

/// `a2`: programs may read `instret`. Clear where firmware keeps the counter to itself
/// (`mcounteren.IR`): `rdinstret` is an illegal instruction there.
pub const INSTRET: usize = 1 << 0;
