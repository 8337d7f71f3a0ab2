//! Breakpoints as they stand in programs: those that gdb set, and those that end a step.

use pagetable::PhysAddr;

use super::step;
use crate::task::Slot;

/// Breakpoints that gdb may set at once.
pub const MOST: usize = 32;

/// A program: where its text begins in the initrd.
pub type Program = PhysAddr;

/// One that gdb set.
#[derive(Clone, Copy)]
pub struct Break {
    pub at: u64,
    /// The instruction in the initrd.
    pub source: PhysAddr,
    /// Where the text of its program begins there.
    pub program: Program,
    pub bytes: u8,
    /// gdb takes breakpoints out at every stop and sets them again; which program one belongs
    /// to is kept meanwhile.
    pub set: bool,
    /// gdb took it out in this stop.
    pub removed: bool,
    /// gdb knows it by its address alone, whatever symbols it has.
    pub nameless: bool,
    /// A trigger, rather than an `ebreak` in memory.
    pub hard: bool,
    /// The firmware's number of the trigger, while a task of the program is on the hart.
    pub armed: Option<u8>,
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
    /// How many of these places were ever used.
    pub used: usize,
    pub waits: [Option<Wait>; step::MOST],
    /// One of `breaks` is a trigger.
    pub triggers: bool,
}

/// What stands at a task's program counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// A breakpoint of gdb's.
    Break,
    /// The same, as a trigger.
    Trigger,
    /// Where a step ends.
    Step,
}

impl Breakpoints {
    /// None.
    pub const EMPTY: Breakpoints = Breakpoints {
        breaks: [None; MOST],
        used: 0,
        waits: [None; step::MOST],
        triggers: false,
    };

    /// Those that gdb set, also before.
    pub fn all(&self) -> &[Option<Break>] {
        &self.breaks[..self.used.min(MOST)]
    }

    /// The same, to be changed.
    pub fn all_mut(&mut self) -> &mut [Option<Break>] {
        &mut self.breaks[..self.used.min(MOST)]
    }

    /// A place for another one: a new one, or that of one that is not set.
    pub fn place(&mut self) -> Option<usize> {
        if self.used < MOST {
            self.used += 1;
            return Some(self.used - 1);
        }
        let is_free = |one: &Option<Break>| one.is_none_or(|one| !one.set);
        self.breaks.iter().position(is_free)
    }
}
