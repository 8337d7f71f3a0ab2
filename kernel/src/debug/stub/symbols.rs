//! Which program's symbols gdb has, and when it is asked to load others.
//!
//! All programs are linked at one address, so gdb can have one of them at a time: it gets those of
//! the task that it looks at (`qXfer:libraries`). Before a stop in another program is reported, and when another program
//! is started, a change of the list is reported: gdb reads the list, sets its breakpoints again, and
//! continues; only then the stop is reported.
//!
//! ```text
//!  stop in `hello`, gdb has `sh`     T05 library   list: nothing   what is set now has an address only
//!                                    T05 library   list: hello     what is set now has a name in hello
//!                                    T05 swbreak   the stop itself
//! ```
//!
//! gdb forgets the breakpoints of a program whose symbols it has not; they stay until it has them again.

use core::fmt::Write;

use gdbstub::target::TargetResult;
use gdbstub::target::ext::libraries::Libraries;

use super::debugger::{StopReason, SymbolChange};
use super::inserted::Program;
use super::maps::part;
use super::threads;
use crate::mm::{RegionKind, source};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;
use crate::text::Text;

/// Bytes of the buffer for the list of libraries; a list with one program is shorter.
const LONGEST: usize = 256;
impl<P: Platform> System<P> {
    /// What a living task runs.
    #[cold]
    #[inline(never)]
    pub(super) fn program_of(&self, slot: Slot) -> Option<Program> {
        let (thread, process) = self.tasks.parts(slot);
        let space = thread.is_alive().then_some(&process.space)?;
        let text = space
            .regions()
            .iter()
            .find(|r| r.kind == RegionKind::Text)?;
        source(space, text.base)
    }

    /// Has gdb the symbols of another program than this task's?
    #[cold]
    #[inline(never)]
    pub(super) fn shows_another(&self, slot: Slot) -> bool {
        let symbols = &self.debugger.symbols;
        let program = self.program_of(slot);
        symbols.asked && program.is_some() && symbols.shown != program
    }

    /// What to report first: the stop, or that the list has changed.
    pub(super) fn symbols_first(&mut self, stop: StopReason) -> StopReason {
        let of_task = match stop {
            StopReason::Break(slot)
            | StopReason::Trigger(slot)
            | StopReason::Trap(slot)
            | StopReason::Caught(slot)
            | StopReason::Fatal(slot, _) => Some(slot),
            StopReason::Interrupt | StopReason::Ended => {
                threads::slot_of(self, threads::current(self))
            }
            StopReason::Library(_) | StopReason::Crash => None,
        };
        match of_task.filter(|slot| self.shows_another(*slot)) {
            Some(slot) => {
                self.debugger.symbols.held = Some(stop);
                self.debugger.symbols.change = Some(SymbolChange::Nothing(slot));
                StopReason::Library(slot)
            }
            None => stop,
        }
    }

    /// gdb lets the programs run: is there something to report before they do?
    pub(super) fn next_report(&mut self) -> Option<StopReason> {
        if let Some(SymbolChange::Nothing(slot)) = self.debugger.symbols.change {
            let thread = self.debugger.event_thread.unwrap_or(slot);
            self.debugger.symbols.change = Some(SymbolChange::Shown(slot));
            return Some(StopReason::Library(thread));
        }
        self.debugger.symbols.change = None;
        let held = self.debugger.symbols.held.take();
        // The breakpoint may have been deleted while gdb had another program's symbols.
        if let Some(held) = held.filter(|held| self.still_holds(*held)) {
            return Some(held);
        }
        let newcomer = self.debugger.symbols.newcomer.take()?;
        if !self.shows_another(newcomer) {
            return None;
        }
        self.debugger.symbols.change = Some(SymbolChange::Nothing(newcomer));
        let thread = self.debugger.event_thread.unwrap_or(newcomer);
        Some(StopReason::Library(thread))
    }

    fn still_holds(&self, stop: StopReason) -> bool {
        match stop {
            StopReason::Break(slot) | StopReason::Trigger(slot) => {
                let pc = self.tasks.at(slot).context.pc as u64;
                self.inserted_at(slot, pc).is_some()
            }
            _ => true,
        }
    }

    /// The task whose program the list is to have.
    fn wanted(&self) -> Option<Slot> {
        match self.debugger.symbols.change {
            Some(SymbolChange::Nothing(_)) => None,
            Some(SymbolChange::Shown(slot)) => Some(slot),
            None => threads::selected(self),
        }
    }

    /// gdb reads the list from its beginning.
    pub(super) fn libraries_are_read(&mut self) {
        let program = self.wanted().and_then(|slot| self.program_of(slot));
        let before = self.debugger.symbols.shown;
        self.debugger.symbols.asked = true;
        self.debugger.symbols.shown = program;
        if before != program {
            self.symbols_changed(before, program);
        }
    }
}

impl<P: Platform> Libraries for System<P> {
    fn get_libraries(
        &self,
        offset: u64,
        length: usize,
        into: &mut [u8],
    ) -> TargetResult<usize, Self> {
        let mut room = [0; LONGEST];
        let mut xml = Text::new(&mut room);
        let _ = xml.write_str("<library-list version=\"1.0\">");
        if let Some(slot) = self.wanted() {
            let process = self.tasks.process(slot);
            let name = process.line().split(' ').next().unwrap_or("");
            let text = process
                .space
                .regions()
                .iter()
                .find(|r| r.kind == RegionKind::Text);
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if let Some(text) = text.filter(|_| plain) {
                let _ = write!(
                    xml,
                    "<library name=\"bin/{name}\"><segment address=\"{:#x}\"/></library>",
                    text.base.raw()
                );
            }
        }
        let _ = xml.write_str("</library-list>");
        Ok(part(xml.written(), offset, length, into))
    }
}
