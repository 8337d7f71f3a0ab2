//! The topics of `Inspect`, and the settings of `Set`.

use crate::numbered::closed;

closed! {
    /// The first argument of [`Call::Inspect`](crate::Call::Inspect).
    pub enum Topic {
        /// The tasks, one a line below a heading.
        Ps = 0,
        /// The page pool and the kernel's own memory.
        Free = 1,
        /// The fault log, oldest first, one record a line.
        Faults = 2,
        /// The page table of the task whose id stands in `a4`.
        Pt = 3,
        /// What was found and decided at boot.
        Boot = 4,
        /// Physical memory: the arenas, and what became of their frames.
        Pmm = 5,
        /// Virtual memory: the regions of every task.
        Vmm = 6,
        /// Whether every frame has one owner, and all adds up. The audit is made when index
        /// 0 is asked for.
        Audit = 7,
        /// Pages of each task that are there, were touched, were written to.
        Ws = 8,
        /// The page table of the task whose id stands in `a4`, a line for each page, those
        /// that come when they are touched too.
        Pages = 9,
        /// Physical memory, a letter for each frame.
        Dump = 10,
        /// The fault log of the boot before, if memory kept it: as `Faults`.
        OldFaults = 11,
    }
}

impl Topic {
    /// Added to a topic's number: the same as one JSON object a line.
    pub const JSON: usize = 0x100;
}

closed! {
    /// The first argument of [`Call::Set`](crate::Call::Set).
    pub enum Set {
        /// 1: every fault is also printed as a line of text
        /// ([`text::Line`](crate::text::Line)); 0: it is not.
        FaultText = 0,
        /// How many bytes the caller's heap may have; 0 only asks. `LimitExceeded` for less
        /// than it has, or more than its window.
        HeapLimit = 1,
    }
}
