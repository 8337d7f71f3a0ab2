//! Tasks as gdb's threads: their registers, their memory, their names.

use core::convert::Infallible;
use core::fmt::Write;
use core::num::NonZeroUsize;

use gdbstub::common::Tid;
use gdbstub::target::ext::base::multithread::{MultiThreadBase, MultiThreadResumeOps};
use gdbstub::target::ext::base::single_register_access::SingleRegisterAccessOps;
use gdbstub::target::ext::thread_extra_info::{ThreadExtraInfo, ThreadExtraInfoOps};
use gdbstub::target::{TargetError, TargetResult};
use pagetable::{PhysAddr, VirtAddr};

use super::debugger::KERNEL;
use super::riscv::Integers;
use super::target::EFAULT;
use crate::debug::memory_access;
use crate::platform::Platform;
use crate::system::System;
use crate::task::{Context, Slot};
use crate::text::Text;

/// The living task whose memory gdb means; a thread's number is its task's.
pub fn slot_of<P: Platform>(system: &System<P>, tid: Tid) -> Option<Slot> {
    // The kernel works for the task that ran last, and in its space.
    if tid == KERNEL {
        let slot = system.local.schedule.current();
        return system.tasks.at(slot).is_alive().then_some(slot);
    }
    let slot = system.tasks.find(u16::try_from(tid.get()).ok()?)?;
    system.tasks.at(slot).is_alive().then_some(slot)
}

/// The registers of a thread.
pub fn context_of<P: Platform>(system: &System<P>, tid: Tid) -> Option<&Context> {
    if tid == KERNEL {
        return system.debugger.crash.as_ref().map(|crash| &crash.context);
    }
    Some(system.tasks.at(slot_of(system, tid)?).context)
}

/// The thread that a stop is reported for when no other is meant: the one that ran last.
pub fn current<P: Platform>(system: &System<P>) -> Tid {
    if system.debugger.crash.is_some() {
        return KERNEL;
    }
    let task = system.tasks.at(system.local.schedule.current());
    let pid = if task.is_alive() {
        task.tid
    } else {
        system.shell
    };
    NonZeroUsize::new(pid.into()).unwrap_or(NonZeroUsize::MIN)
}

/// The task that gdb looks at.
pub fn selected<P: Platform>(system: &System<P>) -> Option<Slot> {
    slot_of(system, NonZeroUsize::new(system.debugger.selected)?)
}

impl<P: Platform> MultiThreadBase for System<P> {
    fn read_registers(&mut self, registers: &mut Integers, tid: Tid) -> TargetResult<(), Self> {
        let context = context_of(self, tid).ok_or(TargetError::Errno(EFAULT))?;
        *registers = Integers {
            x: context.x,
            pc: context.pc,
        };
        registers.x[0] = 0;
        Ok(())
    }

    fn write_registers(&mut self, registers: &Integers, tid: Tid) -> TargetResult<(), Self> {
        let slot = slot_of(self, tid).filter(|_| tid != KERNEL);
        let slot = slot.ok_or(TargetError::Errno(EFAULT))?;
        self.debugger.catches.moved(slot);
        let context = &mut self.tasks.at_mut(slot).context;
        (context.x, context.pc) = (registers.x, registers.pc);
        Ok(())
    }

    fn support_single_register_access(&mut self) -> Option<SingleRegisterAccessOps<'_, Tid, Self>> {
        Some(self)
    }

    fn read_addrs(&mut self, at: usize, into: &mut [u8], tid: Tid) -> TargetResult<usize, Self> {
        let read = if self.debugger.physical {
            memory_access::read_physical(self, PhysAddr::new(at as u64), into)
        } else {
            let slot = slot_of(self, tid);
            let read = memory_access::read(self, slot, virtual_address(at), into);
            if let Some(slot) = slot {
                self.hide_breakpoints(slot, at as u64, &mut into[..read]);
            }
            read
        };
        if read == 0 && !into.is_empty() {
            return Err(TargetError::Errno(EFAULT));
        }
        Ok(read)
    }

    fn write_addrs(&mut self, at: usize, from: &[u8], tid: Tid) -> TargetResult<(), Self> {
        if self.debugger.physical {
            // Page tables and programs are written where they are mapped, with their fences.
            return Err(TargetError::Errno(EFAULT));
        }
        let slot = slot_of(self, tid);
        memory_access::write(self, slot, virtual_address(at), from)
            .map_err(|error| TargetError::Errno(error.errno() as u8))
    }

    /// The one that ran last comes first: gdb shows it when it attaches.
    fn list_active_threads(&mut self, tell: &mut dyn FnMut(Tid)) -> Result<(), Infallible> {
        let first = current(self);
        tell(first);
        for (_, task) in self.tasks.iter().filter(|(_, task)| task.is_alive()) {
            if let Some(tid) = NonZeroUsize::new(task.tid.into()).filter(|tid| *tid != first) {
                tell(tid);
            }
        }
        Ok(())
    }

    fn is_thread_alive(&mut self, tid: Tid) -> Result<bool, Infallible> {
        Ok(context_of(self, tid).is_some())
    }

    fn support_resume(&mut self) -> Option<MultiThreadResumeOps<'_, Self>> {
        Some(self)
    }

    fn support_thread_extra_info(&mut self) -> Option<ThreadExtraInfoOps<'_, Self>> {
        Some(self)
    }
}

impl<P: Platform> ThreadExtraInfo for System<P> {
    fn thread_extra_info(&self, tid: Tid, into: &mut [u8]) -> Result<usize, Infallible> {
        let mut text = Text::new(into);
        if tid == KERNEL {
            let _ = text.write_str("the kernel [crashed]");
        } else if let Some(slot) = slot_of(self, tid) {
            let (thread, process) = self.tasks.parts(slot);
            // What does not fit is cut: gdb shows a line of it.
            let _ = write!(text, "{} [{}]", process.line(), thread.state().word());
            if process.first != slot {
                let _ = write!(text, " of process {}", process.pid);
            }
            if self.harts.are_several()
                && let Some(hart) = self.debugger.hart_of(thread.tid)
            {
                let _ = write!(text, " on hart {}", self.harts.id(hart));
            }
        }
        Ok(text.used())
    }
}

/// gdb's addresses of RV32 have 32 bits; the kernel's are as the pager has them.
fn virtual_address(at: usize) -> VirtAddr {
    VirtAddr::new(at as u64)
}
