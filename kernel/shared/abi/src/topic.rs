//! The topics of `Inspect` and the switches of `Set`.

use crate::numbered::closed;

closed! {
    /// First argument of [`Call::Inspect`](crate::Call::Inspect).
    pub enum Topic {
        /// Tasks: a heading, then one line per task.
        Ps = 0,
        /// The page pool and the kernel's own memory.
        Free = 1,
        /// The fault log, oldest record first, one per line.
        Faults = 2,
        /// The page table of the task whose id is in `a4`.
        Pt = 3,
        /// Results of the boot: devices, memory, choices.
        Boot = 4,
        /// Physical memory: the arenas and the use of their frames.
        Pmm = 5,
        /// Virtual memory: the regions of every task.
        Vmm = 6,
        /// Consistency check of frames, tables and regions: each frame has one owner, and all counts agree.
        /// It runs when index 0 is requested.
        Audit = 7,
        /// For each task: pages resident, accessed and dirty.
        Ws = 8,
        /// The pages of the task whose id is in `a4`, one line each, including those mapped on first use.
        Pages = 9,
        /// Physical memory, one letter per frame.
        Dump = 10,
        /// The fault log of the previous boot, if memory preserved it; the format is that of `Faults`.
        OldFaults = 11,
        /// The backing store: its slots, bytes, and pages written and read.
        Store = 12,
        /// Which pages go when frames are short, and how many went.
        Evict = 13,
        /// Histograms of what faults, choices of a page, and the store took, in instructions.
        Hist = 14,
        /// Harts: a heading, then one line per hart that runs the kernel.
        Harts = 15,
        /// Pressure: shares of the time in which programs were stalled for want of memory.
        Pressure = 16,
    }
}

impl Topic {
    /// Added to a topic's number: one JSON object per line instead of text.
    pub const JSON: usize = 0x100;
}

closed! {
    /// First argument of [`Call::Set`](crate::Call::Set).
    pub enum Set {
        /// 1: every fault is also printed as a line of text ([`text::Line`](crate::text::Line)); 0: it is
        /// not.
        FaultText = 0,
        /// Limit of the caller's heap in bytes; 0 only queries it. `LimitExceeded` if it is below the current
        /// size or above the window.
        HeapLimit = 1,
    }
}
