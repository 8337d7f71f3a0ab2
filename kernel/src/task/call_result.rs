//! What a system call comes to, before it is put into registers.

use super::state::SchedState;

/// What a call comes to.
pub(super) enum CallResult {
    /// This value in `a0`.
    One(usize),
    /// These in `a0` and `a1`.
    Two(usize, usize),
    /// All that it answers is in the registers.
    Answered,
    /// The task waits in this state and asks again.
    Wait(SchedState),
    /// The task makes the same call again, when interrupts that wait have been dealt with.
    Again,
    /// The caller does not exist any more.
    Gone,
}
