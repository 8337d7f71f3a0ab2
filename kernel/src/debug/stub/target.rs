//! The kernel as gdb's target: which of its abilities it has.

use core::convert::Infallible;

use gdbstub::target::Target;
use gdbstub::target::ext::base::BaseOps;
use gdbstub::target::ext::breakpoints::BreakpointsOps;
use gdbstub::target::ext::libraries::LibrariesOps;
use gdbstub::target::ext::memory_map::MemoryMapOps;

use super::riscv::RiscvGdb;
use crate::platform::Platform;
use crate::system::System;

/// Answers an error that gdb shows; `EFAULT` stands for memory that is not there.
pub const EFAULT: u8 = 14;

impl<P: Platform> Target for System<P> {
    type Arch = RiscvGdb;
    type Error = Infallible;

    fn base_ops(&mut self) -> BaseOps<'_, RiscvGdb, Infallible> {
        BaseOps::MultiThread(self)
    }

    /// A serial line loses bytes: acknowledgements stay on.
    fn use_no_ack_mode(&self) -> bool {
        false
    }

    // What no gdb of ours uses is left out of the kernel.
    fn use_x_upcase_packet(&self) -> bool {
        false
    }

    fn use_lldb_register_info(&self) -> bool {
        false
    }

    fn use_fork_stop_reason(&self) -> bool {
        false
    }

    fn use_vfork_stop_reason(&self) -> bool {
        false
    }

    fn use_vforkdone_stop_reason(&self) -> bool {
        false
    }

    fn guard_rail_implicit_sw_breakpoints(&self) -> bool {
        true
    }

    fn support_breakpoints(&mut self) -> Option<BreakpointsOps<'_, Self>> {
        Some(self)
    }

    fn support_memory_map(&mut self) -> Option<MemoryMapOps<'_, Self>> {
        Some(self)
    }

    fn support_libraries(&mut self) -> Option<LibrariesOps<'_, Self>> {
        Some(self)
    }
}
