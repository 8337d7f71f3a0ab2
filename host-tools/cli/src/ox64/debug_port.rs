//! A debugger at a port of its own, beside the serial line: gdb, or a JTAG probe.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use machine::StrictMachine;

/// The machine, which a debugger also reaches while the hart is stopped.
pub type SharedMachine = Arc<Mutex<StrictMachine>>;

/// Locks the machine; one thread uses it at a time.
pub fn lock(machine: &SharedMachine) -> MutexGuard<'_, StrictMachine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the hart goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum GoOn {
    Freely,
    /// One instruction, and then [`DebugPort::stopped`].
    Step,
    /// It is halted.
    Not,
}

pub trait DebugPort {
    /// Answers the debugger, if there is one; the machine is not locked by the caller.
    fn serve(&mut self) -> GoOn;

    /// A breakpoint was reached, or a step has ended.
    fn stopped(&mut self);
}
