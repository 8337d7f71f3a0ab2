//! Lines that the kernel writes to the console on its own: a greeting, faults, deaths.

use core::fmt::Write;

use abi::Fault;

use crate::platform::Platform;
use crate::system::System;
use crate::task::{Slot, resched};
use crate::tree::TreeHarts;

impl<P: Platform> System<P> {
    /// A fault stands in the log: print it where that is wanted.
    #[inline(always)]
    pub fn fault_recorded(&mut self) {
        if !self.quiet {
            self.print_fault();
        }
    }

    #[cold]
    #[inline(never)]
    fn print_fault(&mut self) {
        // What is sent to a host has to be acknowledged in time.
        self.local.schedule.look_at_all();
        if self.fault_text {
            let fault = self.local.log.last();
            let line = abi::text::Line {
                fault: &fault,
                seq: self.local.log.next() - 1,
                ticks_per_second: self.boot.timebase_hz,
            };
            let _ = writeln!(self.console, "{line}");
        }
        if self.console.fault_recorded(&self.local.log) {
            resched::report_soon(self);
        }
    }

    /// Says on the console why the running task dies.
    pub fn announce_death(&mut self, fault: &Fault) {
        let process = self.tasks.process(self.local.schedule.current());
        let _ = writeln!(
            self.console,
            "{}: killed: {} at {:#x}, pc {:#x}: {}",
            process.line(),
            fault.cause(),
            fault.va,
            fault.epc,
            fault.outcome()
        );
    }

    /// Says on the console that a process ends because another one needs frames.
    pub fn announce_sacrifice(&mut self, first: Slot) {
        let wants = self.tasks.process(self.local.schedule.current());
        let process = self.tasks.process(first);
        let _ = writeln!(
            self.console,
            "{}: killed: out of memory, {} pages, for {}",
            process.line(),
            process.space.resident() + process.space.swapped(),
            wants.line()
        );
    }

    /// Says which harts run the kernel, and which do not and why.
    pub fn say_harts(&mut self, found: &TreeHarts) {
        let console = &mut *self.console;
        let _ = write!(console, "pagewalk: harts");
        for index in self.harts.running() {
            let boots = if index == 0 { " (boot)" } else { "" };
            let _ = write!(console, " {}{boots}", self.harts.id(index));
        }
        let mut before = "; not used:";
        for (id, why) in found.all() {
            if let Some(why) = why {
                let _ = write!(console, "{before} {id} ({why})");
                before = ",";
            }
        }
        let _ = writeln!(console);
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
        if let Some(old) = &self.old_log {
            let _ = writeln!(
                self.console,
                "pagewalk: memory kept the fault log of the boot before: {} faults; `faults old` shows it",
                old.next()
            );
        }
        if beyond > 0 {
            let _ = writeln!(
                self.console,
                "pagewalk: {} MiB of RAM lie beyond the kernel's window and are not used",
                beyond.div_ceil(1 << 20)
            );
        }
    }
}
