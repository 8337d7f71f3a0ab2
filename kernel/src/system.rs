//! The kernel's state: one value, behind one lock.

use core::fmt::Write;

use abi::{Access, Cause, Error, Fault, Source, Topic};
use pagetable::{PhysAddr, VirtAddr};
use romfs::Romfs;

use crate::board::Board;
use crate::debug::stub::Debugger;
use crate::debug::{Console, RamMap, agent, monitor};
use crate::drivers::Plic;
use crate::fault::Log;
use crate::mm::{Audit, Frames, Objects, Resolution, UserMemory};
use crate::platform::{Pending, Platform};
use crate::task::{Schedule, Slot, State, Tasks, exec, schedule};
use crate::text::Text;

/// What boot found out, kept for those who ask.
#[derive(Clone, Copy)]
pub struct BootFacts {
    /// The board that the device tree named.
    pub board: &'static Board,
    /// Where the loader put the Image.
    pub image: PhysAddr,
    /// `instret` at the kernel's first instruction.
    pub first_instruction: usize,
    /// Instructions from there to the first byte that a program wrote to the console; 0 before.
    pub to_first_byte: usize,
    /// Ticks of `time` in a second.
    pub timebase_hz: u64,
    /// Its length in bytes, initrd included.
    pub image_bytes: u64,
    /// RAM that may be looked at.
    pub ram: RamMap,
    /// Timer interrupts come from `stimecmp` rather than from the firmware.
    pub sstc: bool,
}

/// Everything the kernel knows.
pub struct System<P: Platform> {
    /// The hart: MMU, clock, floats.
    pub platform: P,
    /// Who owns which frame.
    pub frames: Frames,
    /// Memory that tasks share.
    pub objects: Objects,
    /// Root of the kernel's own tables, whose upper half every space shares.
    pub kernel_root: PhysAddr,
    /// The task table.
    pub tasks: &'static mut Tasks,
    /// Who runs.
    pub schedule: Schedule,
    /// Every fault, the last few thousand of them.
    pub log: Log,
    /// Faults may take the fast path.
    pub fast: bool,
    /// An idle hart gets frames ready.
    pub prepares: bool,
    /// Nobody wants to hear of faults as they happen.
    pub quiet: bool,
    /// Each fault is also printed.
    pub fault_text: bool,
    /// The gdb that is attached, if one is.
    pub debugger: &'static mut Debugger,
    /// The serial line.
    pub console: &'static mut Console<P::Registers>,
    /// What the last audit found.
    pub audited: Audit,
    /// The interrupt controller.
    pub plic: Plic<P::Registers>,
    /// The programs.
    pub initrd: Romfs<'static>,
    /// Where they lie.
    pub initrd_at: PhysAddr,
    /// The shell: started anew when it ends.
    pub shell: u16,
    /// How it all began.
    pub boot: BootFacts,
}

impl<P: Platform> System<P> {
    /// Makes up for what the fast path did since the running task was put on the hart.
    #[inline(always)]
    pub fn settle(&mut self) {
        if self.frames.fast.has_served() {
            self.settle_served();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_served(&mut self) {
        let served = self.frames.settle();
        let task = self.tasks.at_mut(self.schedule.current());
        task.space.add_resident(served);
        task.faults = task.faults.wrapping_add(served);
        self.log.advance(served);
    }

    /// Faults may take the fast path, unless somebody wants to hear of each as it happens.
    pub fn choose_path(&mut self) {
        self.quiet = !self.fault_text && !self.console.tells_events();
        let wanted = self.fast && self.quiet;
        self.frames.fast.wanted = wanted;
        if !wanted {
            self.frames.fast.close();
        }
    }

    /// Lets the fast path serve the window that is open.
    #[cold]
    pub fn allow_fast(&mut self) {
        let (record, slots) = self.log.slots();
        self.frames.allow_fast(record, slots);
    }

    /// Deals with the interrupts that wait.
    pub fn interrupt(&mut self, pending: Pending) {
        if pending.timer {
            self.platform.set_timer(u64::MAX);
            let now = self.platform.ticks();
            if self.schedule.timer_fired(now) {
                self.drain_console();
            }
            if self.console.deadline() <= now {
                self.console.tick(&self.log, now);
                self.wake_console_waiters();
            }
            self.wake_sleepers();
        }
        if pending.external {
            while let Some(irq) = self.plic.claim() {
                if irq == self.boot.board.uart_irq {
                    self.console_interrupt();
                }
                self.plic.complete(irq);
            }
        }
    }

    fn wake_sleepers(&mut self) {
        let now = self.platform.ticks();
        self.tasks.wake(|state| match state {
            State::Sleeping { until } if until <= now => State::Ready,
            other => other,
        });
    }

    fn console_interrupt(&mut self) {
        let foreground = self.foreground();
        let now = self.platform.ticks();
        let pressed = self.console.interrupt(&self.log, now, foreground.is_some());
        if let Some(shell) = foreground.filter(|_| pressed) {
            self.interrupt_foreground(shell);
        }
        if self.console.deadline() <= now {
            self.console.tick(&self.log, now);
        }
        agent::serve(self);
        self.wake_console_waiters();
    }

    /// Shall the kernel stand still for gdb?
    #[inline]
    pub fn debugger_is_due(&self) -> bool {
        self.debugger.is_due() || self.console.gdb_wants()
    }

    /// Lets go those who waited for input that is there now, or for room that is there now.
    pub fn wake_console_waiters(&mut self) {
        let (input, room) = (self.console.has_input(), self.console.room() > 0);
        let mut woken = false;
        self.tasks.wake(|state| {
            let ready = input && state == State::Reading || room && state == State::Writing;
            woken |= ready;
            if ready { State::Ready } else { state }
        });
        if woken {
            self.schedule.ask();
        }
    }

    /// The shell's place, while it waits for another program: then Ctrl-C is not its own.
    fn foreground(&self) -> Option<Slot> {
        let slot = self.tasks.find(self.shell)?;
        matches!(self.tasks.at(slot).state(), State::Waiting { .. }).then_some(slot)
    }

    /// The running task waits. If that brings a program to the foreground, a Ctrl-C that was typed
    /// with its line is for that; what the shell waited for, if so.
    pub fn foreground_changed(&mut self) -> Option<State> {
        let shell = self.foreground()?;
        if shell != self.schedule.current() || !self.console.take_typed_ahead() {
            return None;
        }
        let state = self.tasks.at(shell).state();
        self.interrupt_foreground(shell);
        Some(state)
    }

    /// Ctrl-C ends the program that the shell waits for. When it waits for whichever ends
    /// first, nothing ends, but it waits no longer.
    fn interrupt_foreground(&mut self, shell: Slot) {
        match self.tasks.at(shell).state() {
            State::Waiting { child: 0 } => {
                let task = self.tasks.at_mut(shell);
                task.context.answer(Error::Busy.to_a0() as isize);
                self.tasks.set_state(shell, State::Ready);
                self.schedule.ask();
            }
            State::Waiting { child } => {
                if let Some(slot) = self.tasks.find(child) {
                    exec::end(self, slot, exec::KILLED);
                }
            }
            _ => {}
        }
    }

    /// The file `bin/NAME` of the initrd, and its physical address.
    pub fn program(&self, name: &str) -> Result<(&'static [u8], PhysAddr), Error> {
        if name.contains('/') {
            return Err(Error::NotFound);
        }
        let bin = self.initrd.lookup("bin").map_err(|_| Error::NotFound)?;
        let file = self
            .initrd
            .lookup_below(&bin, name)
            .map_err(|_| Error::NotFound)?;
        Ok((
            file.data(),
            PhysAddr::new(self.initrd_at.raw() + file.offset() as u64),
        ))
    }

    /// A task's memory, for a system call to read and write. Pages that this brings in stand in
    /// the fault log like those the program brings in itself, with the kernel as source.
    pub fn memory_of(
        &mut self,
        slot: Slot,
    ) -> UserMemory<'_, P, impl FnMut(&P, VirtAddr, Access, &Resolution)> {
        let task = self.tasks.at_mut(slot);
        let (pid, epc, satp) = (task.pid, task.context.pc as u64, task.space.satp());
        let (log, faults) = (&mut self.log, &mut task.faults);
        UserMemory {
            space: &mut task.space,
            frames: &mut self.frames,
            machine: &mut self.platform,
            paged_in: move |platform: &P, va: VirtAddr, access: Access, resolution: &Resolution| {
                *faults = faults.wrapping_add(1);
                let cause = match access {
                    Access::Write => Cause::StorePageFault,
                    _ => Cause::LoadPageFault,
                };
                log.push(&Fault {
                    time: platform.ticks(),
                    epc,
                    cause: cause.number(),
                    va: va.raw(),
                    task: pid,
                    access: access.number(),
                    source: Source::Kernel.number(),
                    satp,
                    ..resolution.record()
                });
            },
        }
    }

    /// A task has ended. The shell comes back: a board without one is silent.
    pub fn task_ended(&mut self, pid: u16) {
        if pid != self.shell {
            return;
        }
        let _ = writeln!(
            self.console,
            "\npagewalk: the shell ended; starting it anew"
        );
        self.start_shell();
    }

    /// A fault stands in the log: print it where that is wanted.
    #[inline(always)]
    pub fn fault_recorded(&mut self) {
        if !self.quiet {
            self.tell_of_fault();
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_of_fault(&mut self) {
        if self.fault_text {
            let fault = self.log.last();
            let line = abi::text::Line {
                fault: &fault,
                seq: self.log.next() - 1,
                ticks_per_second: self.boot.timebase_hz,
            };
            let _ = writeln!(self.console, "{line}");
        }
        if self.console.fault_recorded(&self.log) {
            schedule::tell_soon(self);
        }
    }

    /// Says on the console why the running task dies.
    pub fn announce_death(&mut self, fault: &Fault) {
        let task = self.tasks.at(self.schedule.current());
        let _ = writeln!(
            self.console,
            "{}: killed: {} at {:#x}, pc {:#x}: {}",
            task.line(),
            fault.cause(),
            fault.va,
            fault.epc,
            fault.outcome()
        );
    }

    /// Says who we are, what we run on and how much of it is free. `beyond` is how many bytes of
    /// RAM lie outside of what the kernel can see.
    pub fn greet(&mut self, beyond: u64) {
        let counts = self.frames.counts();
        let megabytes = |frames: u32| frames / 256;
        let _ = writeln!(
            self.console,
            "\nPagewalk {} on {}: {} MiB RAM, {} MiB page pool, programs at {:#x}",
            env!("CARGO_PKG_VERSION"),
            self.boot.board.title,
            megabytes(counts.total),
            megabytes(counts.pool),
            self.initrd_at.raw()
        );
        if beyond > 0 {
            let _ = writeln!(
                self.console,
                "pagewalk: {} MiB of RAM lie beyond the kernel's window and are not used",
                beyond.div_ceil(1 << 20)
            );
        }
    }

    /// Starts the shell, or says why there is none.
    pub fn start_shell(&mut self) {
        match exec::spawn(self, 0, b"sh") {
            Ok(pid) => self.shell = pid,
            Err(error) => {
                let _ = writeln!(self.console, "pagewalk: no shell: bin/sh: {error}");
            }
        }
    }

    /// Whole lines of a topic from `index` on, as many as fit; how many bytes, and the index
    /// to go on with (0: that was the end).
    pub fn inspect(
        &mut self,
        (topic, json): (Topic, bool),
        mut index: usize,
        argument: usize,
        into: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        if topic == Topic::Audit && index == 0 {
            self.audited = self.audit();
        }
        let mut text = Text::new(into);
        loop {
            let whole = text.used();
            let written = if json {
                monitor::json(self, topic, index, argument, &mut text)
            } else {
                monitor::line(self, topic, index, argument, &mut text)
            };
            match written {
                Ok(0) => return Ok((text.used(), 0)),
                Ok(next) => index = next,
                // The line did not fit: it begins the next piece, unless it is alone here.
                Err(Error::LimitExceeded) if whole > 0 => return Ok((whole, index)),
                Err(error) => return Err(error),
            }
        }
    }

    /// Frames for whatever the desk has not been told, as far as the line has room.
    pub fn drain_console(&mut self) {
        self.console.drain(&self.log);
    }

    /// Remembers when the first program's first byte went out.
    pub fn first_byte(&mut self) {
        if self.boot.to_first_byte == 0 {
            self.boot.to_first_byte = self.platform.instructions() - self.boot.first_instruction;
        }
    }
}
