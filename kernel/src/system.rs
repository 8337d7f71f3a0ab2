//! The kernel's state: one value, behind one lock.

use core::num::NonZeroUsize;

use abi::{Access, Fault, PagingStatistics, Source};
use pagetable::{PhysAddr, VirtAddr};
use romfs::Romfs;

use crate::board::BuiltinBoard;
use crate::debug::Console;
use crate::debug::stub::Debugger;
use crate::drivers::Plic;
use crate::fault::{Log, OomPolicy, PagingCounts, Pressure};
use crate::harts::Harts;
use crate::local::Local;
use crate::mm::{Audit, Frames, Objects, Resolution, SlowStore, Surveyed, UserMemory};
use crate::platform::Platform;
use crate::task::{PressureWatches, Slot, Tasks};
use crate::tree::{RamMap, Wiring};

/// What boot found out, kept for those who ask.
#[derive(Clone, Copy)]
pub struct BootFacts {
    /// The board that the device tree named.
    pub board: &'static BuiltinBoard,
    /// The console and the interrupt controller.
    pub wiring: Wiring,
    /// Where the loader put the Image.
    pub image: PhysAddr,
    /// `instret` at the kernel's first instruction; `None` where it cannot be read.
    pub first_instruction: Option<NonZeroUsize>,
    /// Instructions from there to the first byte that a program wrote to the console; 0 before, and
    /// where they cannot be counted.
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

/// Everything the kernel knows: what harts share, and what this one owns.
///
/// In this order: what every trap looks at comes first, where an instruction reaches it without an address of its own.
#[repr(C)]
pub struct System<P: Platform> {
    /// State of the hart that has the lock: its platform, running thread, fast window and stock of frames.
    pub local: Local<P>,
    /// The harts that run the kernel, and the state of the others.
    pub harts: Harts<P>,
    /// All tasks; slot and generation make a pid.
    pub tasks: &'static mut Tasks,
    /// The gdb that is attached, if one is.
    pub debugger: &'static mut Debugger,
    /// The serial line: a terminal, a session with a host, or gdb.
    pub console: &'static mut Console<P::Registers>,
    /// Faults may take the fast path.
    pub fast: bool,
    /// An idle hart gets frames ready.
    pub prezeroes: bool,
    /// No reader wants faults as they happen.
    pub quiet: bool,
    /// Each fault is also printed.
    pub fault_text: bool,
    /// Descriptor of each frame of RAM: free, or its owner.
    pub frames: Frames,
    /// Shared objects, by id, with the count of their attachments.
    pub objects: Objects,
    /// Root of the kernel's own tables, whose upper half every space shares.
    pub kernel_root: PhysAddr,
    /// Where pages of programs come from, as far as it takes time.
    pub store: SlowStore,
    /// The log of the boot before, if memory kept it.
    pub old_log: Option<Log>,
    /// What paging did for all, as far as it is counted nowhere else.
    pub paging: PagingCounts,
    /// How much of the time programs were stalled for want of memory.
    pub pressure: Pressure,
    /// Who waits until they are.
    pub watches: PressureWatches,
    /// Who ends when no frame can be had.
    pub oom: OomPolicy,
    /// What the last audit found.
    pub audited: Audit,
    /// What was counted last for a line of a topic.
    pub surveyed: Surveyed,
    /// The interrupt controller; `None` where the console is polled.
    pub plic: Option<Plic<P::Registers>>,
    /// The initrd, from which programs are started.
    pub initrd: Romfs<'static>,
    /// Physical address of the initrd's first byte.
    pub initrd_at: PhysAddr,
    /// The shell: started again when it ends.
    pub shell: u16,
    /// What boot found, for `info` and the greeting of a host.
    pub boot: BootFacts,
}

impl<P: Platform> System<P> {
    /// Makes up for what the fast path did since the running task was put on the hart.
    #[cold]
    pub fn account_fast_path(&mut self) {
        let served = self.frames.account_fast_path();
        let (thread, process) = self.tasks.parts_mut(self.local.schedule.current());
        process.space.add_resident(served);
        thread.faults = thread.faults.wrapping_add(served);
        self.local.log.advance(served);
    }

    /// Faults may take the fast path, unless a reader wants each as it happens.
    pub fn choose_path(&mut self) {
        self.quiet = !self.fault_text && !self.console.emits_events();
        let wanted = self.fast && self.quiet && !self.frames.fast.is_watched();
        self.frames.fast.wanted = wanted;
        if !wanted {
            self.frames.fast.close();
        }
    }

    /// Lets the fast path serve the window that is open.
    #[cold]
    pub fn allow_fast(&mut self) {
        let (record, slots) = self.local.log.slots();
        self.frames.allow_fast(record, slots);
    }

    /// True if gdb has asked for a stop.
    #[inline]
    pub fn debugger_wants_stop(&self) -> bool {
        self.debugger.wants_stop() || self.console.has_gdb_request()
    }

    /// A task's memory, for a system call to read and write. Pages that this brings in stand in
    /// the fault log like those the program brings in itself, with the kernel as source.
    pub fn memory_of(
        &mut self,
        slot: Slot,
    ) -> UserMemory<'_, P, impl FnMut(&P, VirtAddr, Access, &Resolution)> {
        let (thread, process) = self.tasks.parts_mut(slot);
        let (tid, epc, satp) = (thread.tid, thread.context.pc as u64, process.space.satp());
        let (log, faults) = (&mut self.local.log, &mut thread.faults);
        let (of_thread, of_all) = (&mut thread.paging.in_calls, &mut self.paging.in_calls);
        UserMemory {
            space: &mut process.space,
            frames: &mut self.frames,
            machine: &mut self.local.platform,
            paged_in: move |platform: &P, va: VirtAddr, access: Access, resolution: &Resolution| {
                *faults = faults.wrapping_add(1);
                *of_thread = of_thread.wrapping_add(1);
                *of_all += 1;
                log.push(&Fault {
                    time: platform.ticks(),
                    epc,
                    cause: access.page_fault().number(),
                    va: va.raw(),
                    task: tid,
                    access: access.number(),
                    source: Source::Kernel.number(),
                    satp,
                    ..resolution.record()
                });
            },
        }
    }

    /// What paging did since boot.
    pub fn statistics(&self) -> PagingStatistics {
        let moved = self.frames.moved();
        PagingStatistics {
            faults: self.local.log.next(),
            in_calls: self.paging.in_calls,
            major: self.paging.major,
            evicted_clean: moved.clean,
            evicted_dirty: moved.dirty,
            pages_out: moved.out,
            pages_in: moved.back,
        }
    }

    /// Sends what the host has not got yet, as far as the line has room.
    pub fn drain_console(&mut self) {
        self.console.drain(&self.local.log);
    }

    /// Remembers when the first program's first byte went out.
    pub fn first_byte(&mut self) {
        if let Some(first) = self.boot.first_instruction
            && self.boot.to_first_byte == 0
            // Each hart has a count of its own.
            && self.harts.current() == 0
        {
            self.boot.to_first_byte = self.local.platform.instructions_since(first);
        }
    }
}
