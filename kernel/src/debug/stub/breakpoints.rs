//! Breakpoints in programs.
//!
//! gdb names an address and no task, and every task has its own memory. So a breakpoint belongs
//! to the instruction in the initrd that the chosen task has at that address: each task that
//! runs the same program has it, also one that is started later. Setting it makes a private
//! copy of the page, so other programs and the initrd itself stay as they are.

use abi::Error;
use gdbstub::target::TargetResult;
use gdbstub::target::ext::breakpoints::{self, HwBreakpointOps, SwBreakpoint, SwBreakpointOps};
use pagetable::{PhysAddr, VirtAddr};

use super::debugger::SymbolChange;
use super::inserted::{Break, Inserted, Program, Wait};
use super::riscv::Integers;
use super::step;
use crate::debug::memory_access;
use crate::mm::{poke, source};
use crate::platform::Platform;
use crate::system::System;
use crate::task::{SchedState, Slot};

/// `ebreak`, little endian; `c.ebreak` stands in for a compressed instruction.
const EBREAK: [u8; 4] = 0x0010_0073_u32.to_le_bytes();
const SHORT_EBREAK: [u8; 2] = 0x9002_u16.to_le_bytes();

fn code(bytes: u8) -> &'static [u8] {
    if bytes == 2 { &SHORT_EBREAK } else { &EBREAK }
}

impl<P: Platform> breakpoints::Breakpoints for System<P> {
    fn support_sw_breakpoint(&mut self) -> Option<SwBreakpointOps<'_, Self>> {
        Some(self)
    }

    fn support_hw_breakpoint(&mut self) -> Option<HwBreakpointOps<'_, Self>> {
        Some(self)
    }
}

impl<P: Platform> SwBreakpoint for System<P> {
    fn add_sw_breakpoint(&mut self, at: usize, bytes: usize) -> TargetResult<bool, Self> {
        Ok(matches!(bytes, 2 | 4) && self.set_break(at as u64, bytes as u8, false).is_ok())
    }

    fn remove_sw_breakpoint(&mut self, at: usize, _bytes: usize) -> TargetResult<bool, Self> {
        Ok(self.unset_breaks(at as u64))
    }
}

impl<P: Platform> System<P> {
    /// Sets what gdb means by an address. It knows no programs; what it can mean by the address are
    /// breakpoints that it knows by address alone, one that it took out in this stop, the one in the
    /// program whose symbols it has. One that is none of these is new.
    #[cold]
    #[inline(never)]
    pub(super) fn set_break(&mut self, at: u64, bytes: u8, hard: bool) -> Result<(), Error> {
        let nameless = self.debugger.symbols.is_nothing_shown();
        let mut is_known = false;
        for n in 0..self.debugger.breakpoints.used {
            if self.is_meant(n, at) {
                let one = self.debugger.breakpoints.breaks[n].as_mut();
                one.ok_or(Error::BadAddress)?.nameless |= nameless;
                self.set_entry(n, hard)?;
                is_known = true;
            }
        }
        if is_known {
            return Ok(());
        }
        let (source, program) = self.source_at(at).ok_or(Error::BadAddress)?;
        let place = self.debugger.breakpoints.place();
        let place = place.ok_or(Error::LimitExceeded)?;
        self.debugger.breakpoints.breaks[place] = Some(Break {
            at,
            source,
            program,
            bytes,
            set: false,
            removed: false,
            nameless,
            hard,
            armed: None,
        });
        self.set_entry(place, hard)
    }

    #[cold]
    #[inline(never)]
    fn is_meant(&self, n: usize, at: u64) -> bool {
        let Some(one) = self.debugger.breakpoints.breaks[n].as_ref() else {
            return false;
        };
        let symbols = &self.debugger.symbols;
        let is_shown = symbols.shown == Some(one.program);
        one.at == at
            && (is_shown
                || (one.nameless || one.removed || symbols.is_nothing_shown())
                    && self.nth_run(one, 0).is_some())
    }

    #[cold]
    #[inline(never)]
    fn set_entry(&mut self, n: usize, hard: bool) -> Result<(), Error> {
        let Some(one) = self.debugger.breakpoints.breaks[n].as_mut() else {
            return Ok(());
        };
        (one.set, one.removed, one.hard) = (true, false, hard);
        self.debugger.breakpoints.triggers |= hard;
        let one = *one;
        let inserted = self.insert_breakpoint(&one);
        if inserted.is_err() {
            self.unset(n, false);
        }
        inserted
    }

    /// Takes out what gdb means by an address; whether there was anything.
    #[cold]
    #[inline(never)]
    pub(super) fn unset_breaks(&mut self, at: u64) -> bool {
        let shown = self.debugger.symbols.shown;
        let is_shown = |one: &Break| one.nameless || shown == Some(one.program);
        let mut set = self.debugger.breakpoints.all().iter().flatten();
        // Without symbols gdb has set it for another program than that.
        let has_shown = set.any(|one| one.at == at && one.set && is_shown(one));
        let mut found = false;
        for n in 0..self.debugger.breakpoints.used {
            let one = self.debugger.breakpoints.breaks[n].as_ref();
            if one.is_some_and(|it| it.at == at && it.set && (!has_shown || is_shown(it))) {
                self.unset(n, true);
                found = true;
            }
        }
        found
    }

    #[cold]
    #[inline(never)]
    fn unset(&mut self, n: usize, removed: bool) {
        let Some(one) = self.debugger.breakpoints.breaks[n].as_mut() else {
            return;
        };
        (one.set, one.removed) = (false, removed);
        if let Some(trigger) = one.armed.take() {
            self.local.platform.disarm_trigger(trigger);
        }
        let one = *one;
        if !one.hard {
            self.remove_breakpoint(&one);
        }
    }

    /// gdb has other symbols than before. Breakpoints of the program that it has no more stay, as gdb
    /// could not set them again; those of the program that it has now are gdb's to set.
    #[cold]
    pub(super) fn symbols_changed(&mut self, before: Option<Program>, now: Option<Program>) {
        for n in 0..self.debugger.breakpoints.used {
            let one = self.debugger.breakpoints.breaks[n].as_ref();
            let Some(one) = one.filter(|one| !one.nameless) else {
                continue;
            };
            let (program, hard) = (Some(one.program), one.hard);
            if one.removed && before == program {
                // Without memory for the copy it does not stay.
                let _ = self.set_entry(n, hard);
            } else if one.set && now == program {
                self.unset(n, false);
            }
        }
    }

    /// The programs run: what gdb took out and did not set again is gone.
    pub(super) fn removed_are_gone(&mut self) {
        for one in self.debugger.breakpoints.all_mut().iter_mut().flatten() {
            one.removed = false;
        }
    }

    /// The instruction that gdb means by an address, and its program: that of the task whose symbols it is
    /// given, then of the one that it looks at; if they have none there, any task's.
    #[cold]
    #[inline(never)]
    fn source_at(&self, at: u64) -> Option<(PhysAddr, Program)> {
        let given = match self.debugger.symbols.change {
            Some(SymbolChange::Shown(slot)) => Some(slot),
            _ => None,
        };
        let chosen = u16::try_from(self.debugger.selected).ok();
        let chosen = chosen.and_then(|pid| self.tasks.find(pid));
        let others = self.tasks.iter().map(|(slot, _)| slot);
        given
            .into_iter()
            .chain(chosen)
            .chain(others)
            .find_map(|slot| {
                let program = self.program_of(slot)?;
                let space = self.tasks.space(slot);
                Some((source(space, VirtAddr::new(at))?, program))
            })
    }

    /// The tasks that have that instruction there.
    fn runs(&self, at: u64, instruction: PhysAddr) -> impl Iterator<Item = Slot> + '_ {
        // A space once, whichever of its threads live.
        self.tasks
            .processes()
            .filter(move |process| {
                self.tasks.at(process.first).is_alive()
                    && source(&process.space, VirtAddr::new(at)) == Some(instruction)
            })
            .map(|process| process.first)
    }

    /// In every task that has the instruction, or in none.
    pub(super) fn insert_breakpoint(&mut self, one: &Break) -> Result<(), Error> {
        if one.hard {
            return Ok(());
        }
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
    #[cold]
    #[inline(never)]
    fn remove_breakpoint(&mut self, one: &Break) {
        let original = self.original(one);
        let mut from = 0;
        while let Some((place, slot)) = self.nth_run(one, from) {
            // A page that could be written once can be written again.
            let _ = self.poke(slot, one.at, &original[..one.bytes.into()]);
            from = place + 1;
        }
    }

    #[cold]
    #[inline(never)]
    fn nth_run(&self, one: &Break, from: usize) -> Option<(usize, Slot)> {
        self.runs(one.at, one.source).enumerate().nth(from)
    }

    #[cold]
    #[inline(never)]
    fn original(&self, one: &Break) -> [u8; 4] {
        let mut original = [0; 4];
        let bytes = usize::from(one.bytes);
        self.local
            .platform
            .read_bytes(one.source, &mut original[..bytes]);
        original
    }

    fn poke(&mut self, slot: Slot, at: u64, code: &[u8]) -> Result<(), Error> {
        let space = self.tasks.space_mut(slot);
        let (frames, machine) = (&mut self.frames, &mut self.local.platform);
        poke(space, frames, machine, VirtAddr::new(at), code)
    }

    /// A task was started: breakpoints of its program are its, too.
    pub(super) fn insert_in(&mut self, slot: Slot) {
        for n in 0..self.debugger.breakpoints.used {
            let Some(one) = self.debugger.breakpoints.breaks[n].filter(|one| one.set && !one.hard)
            else {
                continue;
            };
            let space = self.tasks.space(slot);
            if source(space, VirtAddr::new(one.at)) == Some(one.source) {
                // Without memory for the copy the task runs past it.
                let _ = self.poke(slot, one.at, code(one.bytes));
            }
        }
    }

    /// Puts the instructions themselves where breakpoints stand in what was read.
    pub(super) fn hide_breakpoints(&self, slot: Slot, at: u64, read: &mut [u8]) {
        let space = self.tasks.space(slot);
        let set = self.debugger.breakpoints.all().iter().flatten();
        for one in set.filter(|one| one.set) {
            if source(space, VirtAddr::new(one.at)) == Some(one.source) {
                overlay(at, read, one.at, &self.original(one)[..one.bytes.into()]);
            }
        }
        for wait in self.debugger.breakpoints.waits.iter().flatten() {
            if self.share_space(wait.slot, slot) {
                overlay(at, read, wait.at, &wait.original[..wait.bytes.into()]);
            }
        }
    }

    /// What stands at an address of a task.
    pub(super) fn inserted_at(&self, slot: Slot, at: u64) -> Option<Inserted> {
        let waits = self.debugger.breakpoints.waits.iter().flatten();
        // Another thread of the process may come there first: it has no other instruction to run.
        if waits
            .clone()
            .any(|wait| wait.at == at && self.share_space(wait.slot, slot))
        {
            return Some(Inserted::Step);
        }
        let instruction = source(self.tasks.space(slot), VirtAddr::new(at))?;
        let mut set = self.debugger.breakpoints.all().iter().flatten();
        set.find(|one| one.set && one.at == at && one.source == instruction)
            .map(|one| match one.hard {
                true => Inserted::Trigger,
                false => Inserted::Break,
            })
    }

    /// Is a task on its way by one step?
    pub(super) fn is_stepping(&self, slot: Slot) -> bool {
        let mut waits = self.debugger.breakpoints.waits.iter().flatten();
        waits.any(|wait| wait.slot == slot)
    }

    /// Do two threads run in the same space?
    fn share_space(&self, a: Slot, b: Slot) -> bool {
        self.tasks.at(a).process == self.tasks.at(b).process
    }

    /// Must the other threads stand while this one goes by one step? Those of its process would run into the
    /// breakpoint behind it; but a system call may wait for one of them.
    pub(super) fn steps_alone(&self, slot: Slot) -> bool {
        const ECALL: [u8; 4] = [0x73, 0, 0, 0];
        let thread = self.tasks.at(slot);
        let at = VirtAddr::new(thread.context.pc as u64);
        let mut next = [0; 4];
        self.tasks.process(slot).threads > 1
            && thread.state() == SchedState::Ready
            && memory_access::read(self, Some(slot), at, &mut next) == 4
            && next != ECALL
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

    /// A copy of a task's memory is made: `copy` does not stop where steps of tasks in that memory end.
    pub(super) fn clear_steps_in(&mut self, slot: Slot, copy: Slot) {
        for n in 0..step::MOST {
            if let Some(wait) = self.debugger.breakpoints.waits[n]
                && self.share_space(wait.slot, slot)
            {
                let _ = self.poke(copy, wait.at, &wait.original[..wait.bytes.into()]);
            }
        }
    }

    /// Restores the original instruction at every breakpoint, as before gdb attached.
    pub(super) fn remove_all_breakpoints(&mut self) {
        self.remove_steps();
        for n in 0..self.debugger.breakpoints.used {
            if self.debugger.breakpoints.breaks[n].is_some_and(|one| one.set) {
                self.unset(n, false);
            }
            self.debugger.breakpoints.breaks[n] = None;
        }
        (
            self.debugger.breakpoints.triggers,
            self.debugger.breakpoints.used,
        ) = (false, 0);
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
