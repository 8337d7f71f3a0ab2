//! The counter of retired instructions, on harts where a program may read it.
//!
//! Firmware may keep `instret` to itself (`mcounteren.IR`): there `rdinstret` is an illegal instruction, and a program
//! that executes it ends. A [`Counter`] is the proof that it does not trap.

use crate::sys::instructions;

/// Printed by a program if there is no counter.
pub const NOT_COUNTED: &str = "instructions are not counted: instret cannot be read on this hart";

/// The hart's `instret`, which this program may read; [`Arguments::counter`](crate::Arguments::counter) has it.
#[derive(Clone, Copy, Debug)]
pub struct Counter(());

impl Counter {
    /// The counter, if the word in `a2` announces one.
    pub(crate) fn offered(offers: usize) -> Option<Counter> {
        (offers & abi::start::INSTRET != 0).then_some(Counter(()))
    }

    /// Instructions this hart has retired.
    #[inline(always)]
    pub fn read(self) -> usize {
        instructions()
    }

    /// Instructions since the counter was at `before`, those of this call included.
    #[inline(always)]
    pub fn since(self, before: usize) -> usize {
        instructions().wrapping_sub(before)
    }
}
