//! Breakpoints as they stand in programs: those that gdb set, and those that end a step.

use pagetable::PhysAddr;

use super::step;
use crate::task::Slot;

/// Breakpoints that gdb may set at once.
pub const MOST: usize = 32;

/// A program: where its text begins in the initrd.
pub type Program = PhysAddr;

/// A breakpoint that gdb set in one program's text.
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

/// A breakpoint of the stub's own, where a step of gdb's ends; only that task stops at it.
#[derive(Clone, Copy)]
pub struct Wait {
    pub slot: Slot,
    pub at: u64,
    pub bytes: u8,
    pub original: [u8; 4],
}

/// All breakpoints that stand in programs, gdb's and those of steps.
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
    /// A breakpoint of gdb's, an `ebreak` in memory.
    Break,
    /// The same, as a trigger.
    Trigger,
    /// The place where a step of gdb's ends.
    Step,
}

impl Breakpoints {
    /// No breakpoint is set, and no step is under way.
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
