//! Breakpoints in programs.
//!
//! gdb names an address and no task, and every task has its own memory. So a breakpoint belongs
//! to the instruction in the initrd that the chosen task has at that address: each task that
//! runs the same program has it, also one that is started later. Setting it makes a private
//! copy of the page, so other programs and the initrd itself stay as they are.

use abi::Error;
use gdbstub::target::TargetResult;
use gdbstub::target::ext::breakpoints::{self, SwBreakpoint, SwBreakpointOps};
use pagetable::{PhysAddr, VirtAddr};

use super::inserted::{Break, Inserted, MOST, Wait};
use super::riscv::Integers;
use super::step;
use crate::debug::memory_access;
use crate::mm::{poke, source};
use crate::platform::Platform;
use crate::system::System;
use crate::task::Slot;

/// `ebreak` and `c.ebreak`.
const EBREAK: [u8; 4] = 0x0010_0073_u32.to_le_bytes();
const SHORT_EBREAK: [u8; 2] = 0x9002_u16.to_le_bytes();

fn code(bytes: u8) -> &'static [u8] {
    if bytes == 2 { &SHORT_EBREAK } else { &EBREAK }
}

impl<P: Platform> breakpoints::Breakpoints for System<P> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }
}

impl<P: Platform> SwBreakpoint for System<P> {
    fn add_sw_breakpoint(&mut self, at: usize, bytes: usize) -> TargetResult<bool, Self> {
        Ok(matches!(bytes, 2 | 4) && self.set_break(at as u64, bytes as u8).is_ok())
    }

    fn remove_sw_breakpoint(&mut self, at: usize, _bytes: usize) -> TargetResult<bool, Self> {
        let breaks = &mut self.debugger.breakpoints.breaks;
        let found = breaks
            .iter_mut()
            .flatten()
            .find(|one| one.at == at as u64 && one.set);
        let Some(one) = found else { return Ok(false) };
        one.set = false;
        let one = *one;
        self.remove_breakpoint(&one);
        Ok(true)
    }
}

impl<P: Platform> System<P> {
    fn set_break(&mut self, at: u64, bytes: u8) -> Result<(), Error> {
        let known = self.debugger.breakpoints.breaks.iter().flatten();
        let mut of_it = known.filter(|one| one.at == at).map(|one| one.source);
        let source = of_it
            .find(|source| self.runs(at, *source).next().is_some())
            .or_else(|| self.source_at(at))
            .ok_or(Error::BadAddress)?;
        let one = Break {
            at,
            source,
            bytes,
            set: true,
        };
        self.insert_breakpoint(&one)?;
        let breaks = &mut self.debugger.breakpoints.breaks;
        let same = |place: &Option<Break>| {
            place.is_some_and(|known| known.at == at && known.source == source)
        };
        let place = breaks
            .iter()
            .position(same)
            .or_else(|| breaks.iter().position(Option::is_none))
            .or_else(|| {
                breaks
                    .iter()
                    .position(|one| one.is_some_and(|one| !one.set))
            });
        match place {
            Some(place) => {
                breaks[place] = Some(one);
                Ok(())
            }
            None => {
                self.remove_breakpoint(&one);
                Err(Error::LimitExceeded)
            }
        }
    }

    /// The instruction that the chosen task has at an address; if it has none, any task's.
    fn source_at(&self, at: u64) -> Option<PhysAddr> {
        let chosen = u16::try_from(self.debugger.selected).ok();
        let chosen = chosen.and_then(|pid| self.tasks.find(pid));
        let others = self.tasks.iter().map(|(slot, _)| slot);
        chosen.into_iter().chain(others).find_map(|slot| {
            let task = self.tasks.at(slot);
            let alive = task.is_alive().then_some(&task.space)?;
            source(alive, VirtAddr::new(at))
        })
    }

    /// The tasks that have that instruction there.
    fn runs(&self, at: u64, instruction: PhysAddr) -> impl Iterator<Item = Slot> + '_ {
        let same = move |task: &crate::task::Task| {
            task.is_alive() && source(&task.space, VirtAddr::new(at)) == Some(instruction)
        };
        self.tasks
            .iter()
            .filter(move |(_, task)| same(task))
            .map(|(slot, _)| slot)
    }

    /// In every task that has the instruction, or in none.
    fn insert_breakpoint(&mut self, one: &Break) -> Result<(), Error> {
        let mut from = 0;
        while let Some((place, slot)) = self.nth_run(one, from) {
            if let Err(error) = self.poke(slot, one.at, code(one.bytes)) {
                self.remove_breakpoint(one);
                return Err(error);
            }
            from = place + 1;
        }
        Ok(())
    }

    /// The instruction itself again, in every task that has it.
    fn remove_breakpoint(&mut self, one: &Break) {
        let original = self.original(one);
        let mut from = 0;
        while let Some((place, slot)) = self.nth_run(one, from) {
            // A page that could be written once can be written again.
            let _ = self.poke(slot, one.at, &original[..one.bytes.into()]);
            from = place + 1;
        }
    }

    fn nth_run(&self, one: &Break, from: usize) -> Option<(usize, Slot)> {
        self.runs(one.at, one.source).enumerate().nth(from)
    }

    fn original(&self, one: &Break) -> [u8; 4] {
        let mut original = [0; 4];
        let bytes = usize::from(one.bytes);
        self.local
            .platform
            .read_bytes(one.source, &mut original[..bytes]);
        original
    }

    fn poke(&mut self, slot: Slot, at: u64, code: &[u8]) -> Result<(), Error> {
        let space = &mut self.tasks.at_mut(slot).space;
        let (frames, machine) = (&mut self.frames, &mut self.local.platform);
        poke(space, frames, machine, VirtAddr::new(at), code)
    }

    /// A task was started: breakpoints of its program are its, too.
    pub(super) fn insert_in(&mut self, slot: Slot) {
        for n in 0..MOST {
            let Some(one) = self.debugger.breakpoints.breaks[n].filter(|one| one.set) else {
                continue;
            };
            let space = &self.tasks.at(slot).space;
            if source(space, VirtAddr::new(one.at)) == Some(one.source) {
                // Without memory for the copy the task runs past it.
                let _ = self.poke(slot, one.at, code(one.bytes));
            }
        }
    }

    /// Puts the instructions themselves where breakpoints stand in what was read.
    pub(super) fn hide_breakpoints(&self, slot: Slot, at: u64, read: &mut [u8]) {
        let space = &self.tasks.at(slot).space;
        let set = self.debugger.breakpoints.breaks.iter().flatten();
        for one in set.filter(|one| one.set) {
            if source(space, VirtAddr::new(one.at)) == Some(one.source) {
                overlay(at, read, one.at, &self.original(one)[..one.bytes.into()]);
            }
        }
        for wait in self.debugger.breakpoints.waits.iter().flatten() {
            if wait.slot == slot {
                overlay(at, read, wait.at, &wait.original[..wait.bytes.into()]);
            }
        }
    }

    /// What stands at an address of a task.
    pub(super) fn inserted_at(&self, slot: Slot, at: u64) -> Option<Inserted> {
        let waits = self.debugger.breakpoints.waits.iter().flatten();
        if waits.clone().any(|wait| wait.slot == slot && wait.at == at) {
            return Some(Inserted::Step);
        }
        let instruction = source(&self.tasks.at(slot).space, VirtAddr::new(at))?;
        let mut set = self.debugger.breakpoints.breaks.iter().flatten();
        set.any(|one| one.set && one.at == at && one.source == instruction)
            .then_some(Inserted::Break)
    }

    /// Is a task on its way by one step?
    pub(super) fn is_stepping(&self, slot: Slot) -> bool {
        let mut waits = self.debugger.breakpoints.waits.iter().flatten();
        waits.any(|wait| wait.slot == slot)
    }

    /// Waits for a task wherever its next instruction can lead.
    pub(super) fn insert_step(&mut self, slot: Slot) {
        let task = self.tasks.at(slot);
        let registers = Integers {
            x: task.context.x,
            pc: task.context.pc,
        };
        let fetch = |at: usize| {
            let mut half = [0; 2];
            let read = memory_access::read(self, Some(slot), VirtAddr::new(at as u64), &mut half);
            self.hide_breakpoints(slot, at as u64, &mut half);
            (read == 2).then(|| u16::from_le_bytes(half))
        };
        let targets = step::next(&registers, fetch);
        for (n, &at) in targets.as_slice().iter().enumerate() {
            let at = at as u64;
            if self.inserted_at(slot, at).is_some() {
                continue;
            }
            let mut original = [0; 4];
            let read = memory_access::read(self, Some(slot), VirtAddr::new(at), &mut original);
            let bytes = if original[0] & 3 == 3 { 4 } else { 2 };
            if read < bytes || self.poke(slot, at, code(bytes as u8)).is_err() {
                // Nothing can be run there: the fault that follows stops the task.
                continue;
            }
            self.debugger.breakpoints.waits[n] = Some(Wait {
                slot,
                at,
                bytes: bytes as u8,
                original,
            });
        }
    }

    /// The kernel stands: no step waits any more.
    pub(super) fn remove_steps(&mut self) {
        for n in 0..step::MOST {
            if let Some(wait) = self.debugger.breakpoints.waits[n].take()
                && self.tasks.at(wait.slot).is_alive()
            {
                let _ = self.poke(wait.slot, wait.at, &wait.original[..wait.bytes.into()]);
            }
        }
    }

    /// Nothing is left behind.
    pub(super) fn remove_all_breakpoints(&mut self) {
        self.remove_steps();
        for n in 0..MOST {
            if let Some(one) = self.debugger.breakpoints.breaks[n]
                .take()
                .filter(|one| one.set)
            {
                self.remove_breakpoint(&one);
            }
        }
    }
}

/// Puts `bytes`, which belong at `place`, over what was read from `at` on.
fn overlay(at: u64, read: &mut [u8], place: u64, bytes: &[u8]) {
    for (n, byte) in bytes.iter().enumerate() {
        let offset = (place + n as u64).wrapping_sub(at);
        if let Some(to) = usize::try_from(offset).ok().and_then(|at| read.get_mut(at)) {
            *to = *byte;
        }
    }
}
