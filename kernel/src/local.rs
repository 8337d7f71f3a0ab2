//! What one hart owns: no other hart reads or writes it.
//!
//! [`System`](crate::system::System) holds what harts share, and the `Local` of the hart that has the lock; those of
//! the others are in [`Harts`](crate::harts::Harts) meanwhile. Its registers and stack are in `arch::Hart`, the
//! window of its fast path and its magazine of zeroed frames in `mm::Fast`, where assembly finds them.

use crate::fault::Log;
use crate::platform::Platform;
use crate::task::Schedule;

/// One hart's own state.
pub struct Local<P: Platform> {
    /// Its MMU, clock, timer and float registers.
    pub platform: P,
    /// The task that it runs, and when it must look for another.
    pub schedule: Schedule,
    /// The records of the faults that it took, the last few thousand of them.
    pub log: Log,
}
