//! gdb on the line: packets made whole, a state machine behind them, and what it may touch.
//!
//! The state machine is crate `gdbstub`'s. It lives as long as the kernel stands still: a
//! malformed packet costs one, and nothing of it has to survive a run of the programs.

mod breakpoints;
mod crash;
mod maps;
mod monitor;
pub mod packet;
mod registers;
mod reply;
mod resume;
mod riscv;
mod serve;
mod shim;
mod step;
mod target;
mod threads;

pub use breakpoints::Breakpoints;
pub use crash::{Crash, post_mortem};
pub use serve::{Stop, attend, breakpoint, ended, fatal, spawned};
pub use shim::{Asked, Shim};

use crate::task::Slot;

/// The packet that gdb introduces itself with, at most.
const GREETING: usize = 512;

/// Room for the state machine: its packet, and its reply.
pub struct Buffers {
    packet: [u8; shim::LONGEST],
    reply: [u8; shim::REPLY],
}

impl Buffers {
    /// Nothing in it.
    pub const EMPTY: Buffers = Buffers {
        packet: [0; shim::LONGEST],
        reply: [0; shim::REPLY],
    };
}

/// What is known of the gdb that is attached, if one is.
pub struct Debugger {
    attached: bool,
    /// Its first packet: what it can do.
    greeting: [u8; GREETING],
    greeting_bytes: usize,
    /// The task it last chose to look at.
    selected: usize,
    /// Addresses are physical.
    physical: bool,
    /// The kernel itself crashed: it will not go on.
    crash: Option<Crash>,
    /// Why the kernel shall stop as soon as it can.
    stop: Option<Stop>,
    breakpoints: Breakpoints,
    /// How the programs go on.
    plan: resume::Plan,
    buffers: Option<&'static mut Buffers>,
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
        plan: resume::Plan::EMPTY,
        buffers: None,
    };

    /// Gives the state machine its room; without it no gdb is answered.
    pub fn give_room(&mut self, buffers: &'static mut Buffers) {
        self.buffers = Some(buffers);
    }

    /// The gdb that was attached is not any more.
    fn forget(&mut self) {
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

    /// Shall the kernel stop?
    #[inline]
    pub fn is_due(&self) -> bool {
        self.stop.is_some()
    }

    /// The only task that may run, if gdb holds the others.
    #[inline]
    pub fn only(&self) -> Option<Slot> {
        self.plan.only
    }
}
