//! What the kernel keeps of the gdb that is attached, from one stop to the next.

use core::num::NonZeroUsize;

use abi::Cause;
use gdbstub::common::{Signal, Tid};

use super::filter::Catches;
use super::inserted::{Breakpoints, Program};
use super::shim;
use crate::harts::MAX_HARTS;
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
    /// Addresses that gdb reads are physical (`Qqemu.PhyMemMode:1`), not of the selected task.
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
    /// The thread that each hart ran when it stopped, by the hart's index; 0 for none.
    pub(super) ran: [u16; MAX_HARTS],
    pub(super) buffers: Option<&'static mut Buffers>,
}

impl Debugger {
    /// No gdb is attached, nothing is set, and no buffers are lent.
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
        ran: [0; MAX_HARTS],
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

    /// True from gdb's first packet until it detaches or is forgotten.
    pub fn is_attached(&self) -> bool {
        self.attached
    }

    /// The hart with that index stops, and ran this thread.
    pub fn stops_on(&mut self, hart: usize, tid: u16) {
        if let Some(ran) = self.ran.get_mut(hart) {
            *ran = tid;
        }
    }

    /// The harts run what they like from now on.
    pub(super) fn goes_on(&mut self) {
        self.ran = [0; MAX_HARTS];
    }

    /// The thread that the hart with that index ran when all stopped.
    pub fn ran_on(&self, hart: usize) -> Option<u16> {
        self.ran.get(hart).copied().filter(|tid| *tid != 0)
    }

    /// The index of the hart that ran this thread when all stopped.
    pub(super) fn hart_of(&self, tid: u16) -> Option<usize> {
        self.ran.iter().position(|ran| *ran == tid)
    }

    /// True if gdb has asked for a stop.
    #[inline]
    pub fn wants_stop(&self) -> bool {
        self.stop.is_some()
    }

    /// True if one of gdb's breakpoints is a trigger: then each switch of tasks arms and disarms them.
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

/// Why the kernel is stopped; a stop reply to gdb is made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// gdb sent Ctrl-C (byte 0x03) between two packets.
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
    /// The kernel itself panicked or faulted: it is examined and never continued.
    Crash,
}

/// A task's trap, as the hart's CSRs had it.
#[derive(Clone, Copy)]
pub struct Trapped {
    /// The task that trapped.
    pub slot: Slot,
    /// `scause`: exception code, without the interrupt bit.
    pub cause: usize,
    /// `stval`: the address of the access, or the instruction.
    pub value: usize,
    /// `sepc`: the instruction that trapped.
    pub pc: usize,
}

/// The kernel's number as a thread: above every task's.
pub const KERNEL: Tid = NonZeroUsize::new(0x8000).unwrap();

/// What the hart held when the kernel trapped.
#[derive(Clone, Copy)]
pub struct Crash {
    /// Integer registers, floats and pc at the trap.
    pub context: Context,
    /// `scause` of that trap.
    pub cause: usize,
    /// `stval` of that trap.
    pub value: usize,
}

impl Crash {
    /// The signal that gdb shows: SIGABRT for a panic, else SIGILL or SIGSEGV.
    pub fn signal(&self) -> Signal {
        match Cause::decode(self.cause as u8) {
            // A panic ends in an `ebreak`.
            Cause::Breakpoint => Signal::SIGABRT,
            Cause::IllegalInstruction => Signal::SIGILL,
            _ => Signal::SIGSEGV,
        }
    }
}

/// How the programs go on, as gdb's `vCont` decided.
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
    /// Every task goes on; none steps, none is held.
    pub const EMPTY: Plan = Plan {
        step: None,
        named: None,
        locked: false,
        only: None,
        dies: None,
        replayed: false,
    };
}

/// Which program's symbols gdb has, and which it is about to read.
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
    /// gdb has read no list of libraries and has no program's symbols.
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
