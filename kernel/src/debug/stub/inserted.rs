//! Breakpoints as they stand in programs: those that gdb set, and those that end a step.

use pagetable::PhysAddr;

use super::step;
use crate::task::Slot;

/// Breakpoints that gdb may set at once.
pub const MOST: usize = 32;

/// One that gdb set.
#[derive(Clone, Copy)]
pub struct Break {
    pub at: u64,
    /// The instruction in the initrd.
    pub source: PhysAddr,
    pub bytes: u8,
    /// gdb takes breakpoints out at every stop and sets them again; which program one belongs
    /// to is kept meanwhile.
    pub set: bool,
}

/// One that a step waits at.
#[derive(Clone, Copy)]
pub struct Wait {
    pub slot: Slot,
    pub at: u64,
    pub bytes: u8,
    pub original: [u8; 4],
}

/// All that are set.
pub struct Breakpoints {
    pub breaks: [Option<Break>; MOST],
    pub waits: [Option<Wait>; step::MOST],
}

/// What stands at a task's program counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// A breakpoint of gdb's.
    Break,
    /// Where a step ends.
    Step,
}

impl Breakpoints {
    /// None.
    pub const EMPTY: Breakpoints = Breakpoints {
        breaks: [None; MOST],
        waits: [None; step::MOST],
    };
}
