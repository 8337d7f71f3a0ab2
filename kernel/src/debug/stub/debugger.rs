//! What the kernel keeps of the gdb that is attached, from one stop to the next.

use core::num::NonZeroUsize;

use abi::Cause;
use gdbstub::common::{Signal, Tid};

use super::filter::Catches;
use super::inserted::{Breakpoints, Program};
use super::shim;
use crate::task::{Context, Slot};

/// The packet that gdb introduces itself with, at most.
pub(super) const GREETING: usize = 512;

/// Room for the state machine: its packet, and its reply. Bytes that are written before they are read.
pub struct Buffers {
    pub(super) packet: [u8; shim::LONGEST],
    pub(super) reply: [u8; shim::REPLY],
}

/// What is known of the gdb that is attached, if one is.
pub struct Debugger {
    pub(super) attached: bool,
    /// Its first packet: what it can do.
    pub(super) greeting: [u8; GREETING],
    pub(super) greeting_bytes: usize,
    /// The task it last chose to look at.
    pub(super) selected: usize,
    /// Addresses are physical.
    pub(super) physical: bool,
    /// The kernel itself crashed: it will not go on.
    pub(super) crash: Option<Crash>,
    /// Why the kernel is to stop as soon as it can.
    pub(super) stop: Option<StopReason>,
    pub(super) breakpoints: Breakpoints,
    /// Which faults stop their task.
    pub(super) catches: Catches,
    /// The fault that this stop is about.
    pub(super) trapped: Option<Trapped>,
    pub(super) symbols: TaskSymbols,
    /// The thread that gdb continued or stepped: events meanwhile are reported for this one, or gdb would
    /// lose a step.
    pub(super) event_thread: Option<Slot>,
    /// It was said that `hbreak` has no trigger.
    pub(super) told_soft: bool,
    /// How the programs go on.
    pub(super) plan: Plan,
    pub(super) buffers: Option<&'static mut Buffers>,
}

impl Debugger {
    /// No gdb.
    pub const EMPTY: Debugger = Debugger {
        attached: false,
        greeting: [0; GREETING],
        greeting_bytes: 0,
        selected: 0,
        physical: false,
        crash: None,
        stop: None,
        breakpoints: Breakpoints::EMPTY,
        catches: Catches::EMPTY,
        trapped: None,
        symbols: TaskSymbols::EMPTY,
        event_thread: None,
        told_soft: false,
        plan: Plan::EMPTY,
        buffers: None,
    };

    /// Gives the state machine its room; without it no gdb is answered.
    pub fn give_room(&mut self, buffers: &'static mut Buffers) {
        self.buffers = Some(buffers);
    }

    /// The gdb that was attached is not any more.
    pub(super) fn forget(&mut self) {
        let (buffers, crash) = (self.buffers.take(), self.crash.take());
        *self = Debugger {
            buffers,
            crash,
            ..Debugger::EMPTY
        };
    }

    /// Is a gdb attached?
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// True if gdb has asked for a stop.
    #[inline]
    pub fn wants_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// Has gdb set a trigger?
    #[inline]
    pub fn has_triggers(&self) -> bool {
        self.breakpoints.triggers
    }

    /// The only task that may run, if gdb holds the others.
    #[inline]
    pub fn only(&self) -> Option<Slot> {
        self.plan.only
    }
}

/// Why the kernel stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C in gdb.
    Interrupt,
    /// A task came to a breakpoint.
    Break(Slot),
    /// A task came to a trigger.
    Trigger(Slot),
    /// A task raised a fault that gdb wants to see before it is served.
    Caught(Slot),
    /// gdb is to read the list of libraries; the thread that the stop is reported for.
    Library(Slot),
    /// A task has gone its step, or ran into an `ebreak` of its own.
    Trap(Slot),
    /// A task did what it will die of.
    Fatal(Slot, Signal),
    /// The task that was to step has ended.
    Ended,
    /// The kernel itself crashed.
    Crash,
}

/// A task's trap: what the hart said.
#[derive(Clone, Copy)]
pub struct Trapped {
    /// Whose.
    pub slot: Slot,
    /// `scause`.
    pub cause: usize,
    /// `stval`.
    pub value: usize,
    /// `sepc`.
    pub pc: usize,
}

/// The kernel's number as a thread: above every task's.
pub const KERNEL: Tid = NonZeroUsize::new(0x8000).unwrap();

/// What the hart held when the kernel trapped.
#[derive(Clone, Copy)]
pub struct Crash {
    /// The registers.
    pub context: Context,
    /// `scause`.
    pub cause: usize,
    /// `stval`.
    pub value: usize,
}

impl Crash {
    /// What gdb calls it.
    pub fn signal(&self) -> Signal {
        match Cause::decode(self.cause as u8) {
            // A panic ends in an `ebreak`.
            Cause::Breakpoint => Signal::SIGABRT,
            Cause::IllegalInstruction => Signal::SIGILL,
            _ => Signal::SIGSEGV,
        }
    }
}

/// What gdb decided.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The task that goes on by one instruction.
    pub step: Option<Slot>,
    /// The task that gdb named; alone if the others are held.
    pub named: Option<Slot>,
    pub locked: bool,
    /// The only task that may run.
    pub only: Option<Slot>,
    /// The task that dies of what it was stopped for.
    pub dies: Option<(Slot, u8)>,
    /// gdb's decision was made before: the state machine only has to be brought there.
    pub replayed: bool,
}

impl Plan {
    /// All go on.
    pub const EMPTY: Plan = Plan {
        step: None,
        named: None,
        locked: false,
        only: None,
        dies: None,
        replayed: false,
    };
}

/// What gdb has, and what it is about to get.
#[derive(Clone, Copy)]
pub struct TaskSymbols {
    /// gdb has read a list.
    pub asked: bool,
    /// The program whose symbols gdb has; `None` for none.
    pub shown: Option<Program>,
    /// The change that is being reported to gdb.
    pub change: Option<SymbolChange>,
    /// What is reported when gdb has the symbols for it.
    pub held: Option<StopReason>,
    /// A task that was started, and whose program gdb has not.
    pub newcomer: Option<Slot>,
}

/// The two steps of a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SymbolChange {
    /// The list is empty; that task's program comes next.
    Nothing(Slot),
    /// The list is that task's program.
    Shown(Slot),
}

impl TaskSymbols {
    /// gdb has nothing.
    pub const EMPTY: TaskSymbols = TaskSymbols {
        asked: false,
        shown: None,
        change: None,
        held: None,
        newcomer: None,
    };

    /// Is what gdb sets now known to it by address alone?
    pub fn is_nothing_shown(&self) -> bool {
        matches!(self.change, Some(SymbolChange::Nothing(_)))
    }
}
