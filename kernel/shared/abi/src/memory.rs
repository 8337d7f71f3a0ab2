//! Arguments of memory calls: rights, flags, advice.

use crate::numbered::closed;

closed! {
    /// The third argument of [`Call::Advise`](crate::Call::Advise).
    pub enum Advice {
        /// Sequential use: pages of the program's file are mapped several at a time.
        Normal = 0,
        /// Random use: each page is mapped alone.
        Random = 1,
        /// Use is imminent: pages become resident now, as far as there are free frames.
        WillNeed = 2,
        /// No further use: pages are freed, and have their initial content when touched again. Only for
        /// private memory.
        DontNeed = 3,
        /// The content is not needed: until a page is written again, it may be dropped in place of being stored, and
        /// then has its initial content. One that is in the store is dropped now. Only for private memory.
        Free = 4,
        /// No use soon: pages go to the backing store now, as far as it has room. Without a store nothing happens.
        PageOut = 5,
    }
}

/// Rights, one bit each, for [`Call::Mmap`](crate::Call::Mmap), [`Call::Protect`](crate::Call::Protect) and
/// others. W requires R; W and X together are rejected.
pub mod prot {
    /// Loads are permitted.
    pub const READ: usize = 1;
    /// Stores are permitted.
    pub const WRITE: usize = 2;
    /// Instruction fetches are permitted.
    pub const EXECUTE: usize = 4;
}

/// Flags of [`Call::Mmap`](crate::Call::Mmap), one bit each.
pub mod map {
    /// Map at the address in `a3`, or fail.
    pub const AT: usize = 1;
    /// Reserve addresses only: every access faults.
    pub const RESERVE: usize = 2;
    /// Physically contiguous frames, resident for as long as the mapping exists, for devices that need a
    /// physical address.
    pub const WIRED: usize = 4;
    /// Pages become resident at once, as far as there are free frames.
    pub const POPULATE: usize = 8;
    /// Pages need not be zeroed: rejected, because a frame may contain another task's data.
    pub const UNINITIALISED: usize = 16;
}
