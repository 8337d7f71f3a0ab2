//! The type and origin of an access, and the kind of memory.

use crate::Cause;
use crate::numbered::numbered;

numbered! {
    /// The type of access.
    pub enum Access, otherwise "unknown access" {
        /// A load from memory.
        Read = 1 => "read",
        /// A store or an atomic operation.
        Write = 2 => "write",
        /// An instruction fetch.
        Execute = 3 => "execute",
    }
}

impl Access {
    /// The page fault that the access raises.
    pub const fn page_fault(self) -> Cause {
        match self {
            Access::Write => Cause::StorePageFault,
            Access::Execute => Cause::InstructionPageFault,
            _ => Cause::LoadPageFault,
        }
    }

    /// The access that a cause implies; `None` if it implies none.
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
    /// The origin of an access.
    pub enum Source, otherwise "unknown source" {
        /// An instruction of the user program.
        User = 1 => "user",
        /// The kernel on behalf of the program, for instance while it copies a system call's buffer.
        Kernel = 2 => "kernel",
    }
}

numbered! {
    /// The kind of region that contains an address.
    pub enum Class, otherwise "unknown region" {
        /// No region contains the address.
        None = 0 => "none",
        /// Code and read-only data of the program's file.
        Text = 1 => "text",
        /// Constants, data and BSS of the program's file.
        Data = 2 => "data",
        /// Memory allocated with `sbrk`.
        Heap = 3 => "heap",
        /// The program's stack.
        Stack = 4 => "stack",
        /// A page that stays unmapped, so that an overrun faults.
        Guard = 5 => "guard",
        /// Memory allocated with `mmap`.
        Anonymous = 6 => "mmap",
        /// The kernel's half of the address space.
        Kernel = 7 => "kernel",
        /// Reserved addresses without memory.
        Reserved = 8 => "reserved",
        /// Device registers, or other memory at a fixed physical address.
        Device = 9 => "device",
        /// Memory shared by several tasks.
        Shared = 10 => "shared",
        /// Memory that another task has lent with a message.
        Borrowed = 11 => "borrowed",
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
