//! The shell: its program, its restart, and the program that runs in its foreground.

use core::fmt::Write;

use abi::Error;

use super::exec;
use super::slot::Slot;
use super::state::SchedState;
use crate::platform::Platform;
use crate::system::System;

impl<P: Platform> System<P> {
    /// Starts the shell, or says why there is none.
    pub fn start_shell(&mut self) {
        match exec::spawn(self, 0, b"sh") {
            Ok(pid) => self.shell = pid,
            Err(error) => {
                let _ = writeln!(self.console, "pagewalk: no shell: bin/sh: {error}");
            }
        }
    }

    /// A task has ended. The shell comes back: a board without one is silent.
    pub fn task_ended(&mut self, pid: u16) {
        if pid != self.shell {
            return;
        }
        let _ = writeln!(
            self.console,
            "\npagewalk: the shell ended; starting it again"
        );
        self.start_shell();
    }

    /// The shell's place, while it waits for another program: then Ctrl-C is not its own.
    pub fn foreground(&self) -> Option<Slot> {
        let slot = self.tasks.find(self.shell)?;
        matches!(self.tasks.at(slot).state(), SchedState::Waiting { .. }).then_some(slot)
    }

    /// The running task waits. If that brings a program to the foreground, a Ctrl-C that was typed
    /// with its line is for that; what the shell waited for, if so.
    pub fn foreground_changed(&mut self) -> Option<SchedState> {
        let shell = self.foreground()?;
        if shell != self.local.schedule.current() || !self.console.take_typed_ahead() {
            return None;
        }
        let state = self.tasks.at(shell).state();
        self.interrupt_foreground(shell);
        Some(state)
    }

    /// Ctrl-C ends the program that the shell waits for. When it waits for whichever ends
    /// first, nothing ends, but it waits no longer.
    pub fn interrupt_foreground(&mut self, shell: Slot) {
        match self.tasks.at(shell).state() {
            SchedState::Waiting { child: 0 } => {
                let task = self.tasks.at_mut(shell);
                task.context.set_return(Error::Busy.to_a0() as isize);
                self.tasks.set_state(shell, SchedState::Ready);
                self.local.schedule.request_resched();
            }
            SchedState::Waiting { child } => {
                if let Some(slot) = self.tasks.find(child) {
                    exec::exit_process(self, slot, exec::KILLED);
                }
            }
            _ => {}
        }
    }
}
