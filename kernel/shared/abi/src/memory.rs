//! How memory is asked for: rights, flags, advice.

use crate::numbered::closed;

closed! {
    /// The third argument of [`Call::Advise`](crate::Call::Advise).
    pub enum Advice {
        /// In some order: pages of the program's file come several at a time.
        Normal = 0,
        /// Here and there: each page comes alone.
        Random = 1,
        /// Soon: pages come now, as many as there are frames for.
        WillNeed = 2,
        /// Not any more: pages go, and are as at first when they are touched again. Only for
        /// memory that is the task's own.
        DontNeed = 3,
    }
}

/// Rights, one bit each, as [`Call::Mmap`](crate::Call::Mmap),
/// [`Call::Protect`](crate::Call::Protect) and others take them. W needs R, and nothing is ever
/// both W and X.
pub mod prot {
    /// Loads.
    pub const READ: usize = 1;
    /// Stores.
    pub const WRITE: usize = 2;
    /// Instruction fetches.
    pub const EXECUTE: usize = 4;
}

/// What [`Call::Mmap`](crate::Call::Mmap) shall do differently, one bit each.
pub mod map {
    /// At the address in `a3`, and nowhere else.
    pub const AT: usize = 1;
    /// Addresses only: nothing is behind them, and every touch of them is refused.
    pub const RESERVE: usize = 2;
    /// Frames that follow each other in physical memory, there at once and for as long as the
    /// mapping is: what a device takes as a physical address.
    pub const WIRED: usize = 4;
    /// Pages are there at once, as many as there are frames for.
    pub const POPULATE: usize = 8;
    /// Pages need not be zeroed: refused, as what they hold may be another's.
    pub const UNINITIALISED: usize = 16;
}
