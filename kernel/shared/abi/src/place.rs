//! How memory was touched, by whom, and what kind of memory it was.

use crate::Cause;
use crate::numbered::numbered;

numbered! {
    /// What the instruction wanted of the address.
    pub enum Access, otherwise "unknown access" {
        /// A load.
        Read = 1 => "read",
        /// A store or an atomic operation.
        Write = 2 => "write",
        /// An instruction fetch.
        Execute = 3 => "execute",
    }
}

impl Access {
    /// What a cause says about the access; `None` where it says nothing.
    #[inline]
    pub const fn of(cause: Cause) -> Option<Access> {
        Some(match cause {
            Cause::InstructionMisaligned
            | Cause::InstructionAccessFault
            | Cause::IllegalInstruction
            | Cause::InstructionPageFault
            | Cause::InstructionGuestPageFault => Access::Execute,
            Cause::LoadMisaligned
            | Cause::LoadAccessFault
            | Cause::LoadPageFault
            | Cause::LoadGuestPageFault => Access::Read,
            Cause::StoreMisaligned
            | Cause::StoreAccessFault
            | Cause::StorePageFault
            | Cause::StoreGuestPageFault => Access::Write,
            _ => return None,
        })
    }
}

numbered! {
    /// On whose behalf the address was touched.
    pub enum Source, otherwise "unknown source" {
        /// The user program itself.
        User = 1 => "user",
        /// The kernel, for instance while it copies a system call's buffer.
        Kernel = 2 => "kernel",
    }
}

numbered! {
    /// What kind of region the address lies in.
    pub enum Class, otherwise "unknown region" {
        /// In none.
        None = 0 => "none",
        /// Instructions and what lies with them.
        Text = 1 => "text",
        /// Constants, data and BSS of the program's file.
        Data = 2 => "data",
        /// What `sbrk` gave.
        Heap = 3 => "heap",
        /// The stack.
        Stack = 4 => "stack",
        /// A page that is kept empty so that running past an end is noticed.
        Guard = 5 => "guard",
        /// What `mmap` gave.
        Anonymous = 6 => "mmap",
        /// The kernel's part of the address space.
        Kernel = 7 => "kernel",
        /// Addresses that are kept, with nothing behind them.
        Reserved = 8 => "reserved",
        /// A device's registers, or other memory at a fixed physical address.
        Device = 9 => "device",
        /// Memory that several tasks share.
        Shared = 10 => "shared",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_page_faults_say_how() {
        assert_eq!(
            Access::of(Cause::InstructionPageFault),
            Some(Access::Execute)
        );
        assert_eq!(Access::of(Cause::LoadPageFault), Some(Access::Read));
        assert_eq!(Access::of(Cause::StorePageFault), Some(Access::Write));
        assert_eq!(Access::of(Cause::CallFromUser), None);
    }
}
