//! Traps: their causes, and the way into S-mode.

use pagetable::AccessType;

/// A synchronous exception. Privileged ISA, table of `scause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncException {
    pub cause: u64,
    pub value: u64,
}

pub const INTERRUPT: u64 = 1 << 63;

pub mod cause {
    pub const ILLEGAL: u64 = 2;
    pub const BREAKPOINT: u64 = 3;
    pub const LOAD_MISALIGNED: u64 = 4;
    pub const STORE_MISALIGNED: u64 = 6;
    pub const ECALL_USER: u64 = 8;
    pub const ECALL_SUPERVISOR: u64 = 9;
}

impl SyncException {
    #[must_use]
    pub const fn new(cause: u64, value: u64) -> SyncException {
        SyncException { cause, value }
    }

    /// An illegal instruction, with its bits.
    #[must_use]
    pub const fn illegal(bits: u32) -> SyncException {
        SyncException::new(cause::ILLEGAL, bits as u64)
    }

    /// A page fault of that kind of access.
    #[must_use]
    pub const fn page_fault(access: AccessType, va: u64) -> SyncException {
        SyncException::new(access.page_fault() as u64, va)
    }

    /// An access fault of that kind of access.
    #[must_use]
    pub const fn access_fault(access: AccessType, va: u64) -> SyncException {
        let cause = match access {
            AccessType::Execute => 1,
            AccessType::Read => 5,
            AccessType::Write => 7,
        };
        SyncException::new(cause, va)
    }
}
