//! Numbers of the calls on threads.

/// `Priority`: the value that asks and changes nothing.
pub const PRIORITY_ONLY_ASKED: usize = usize::MAX;

/// `WaitOnAddress`: the timeout of a wait that only `WakeAddress` ends.
pub const NO_TIMEOUT: usize = usize::MAX;

/// The priority of a process' first thread; 255 is the highest, 0 the lowest. NuttX' `SCHED_PRIORITY_DEFAULT`.
pub const DEFAULT_PRIORITY: u8 = 100;

/// Where a thread returns to from its first function, which ends it: `EXIT_THREAD` of Xous. Never mapped.
pub const EXIT_THREAD: usize = 0xff80_3000;
