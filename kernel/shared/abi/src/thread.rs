//! Numbers of the calls on threads.

/// `Priority`: the value that asks and changes nothing.
pub const PRIORITY_ONLY_ASKED: usize = usize::MAX;

/// `WaitOnAddress`: the timeout of a wait that only `WakeAddress` ends.
pub const NO_TIMEOUT: usize = usize::MAX;

/// The priority of a process' first thread; 255 is the highest, 0 the lowest. NuttX' `SCHED_PRIORITY_DEFAULT`.
pub const DEFAULT_PRIORITY: u8 = 100;

/// Where handlers of interrupts return to: `RETURN_FROM_ISR` of Xous. Never mapped.
pub const RETURN_FROM_ISR: usize = 0xff80_2000;

/// Where a thread returns to from its first function, which ends it: `EXIT_THREAD` of Xous. Never mapped.
pub const EXIT_THREAD: usize = 0xff80_3000;

/// Where an exception handler returns to: `RETURN_FROM_EXCEPTION_HANDLER` of Xous. Never mapped.
pub const RETURN_FROM_EXCEPTION_HANDLER: usize = 0xff80_4000;

/// Where Xous' swapper returns to, `RETURN_FROM_SWAPPER`. Here no code is called that could: a jump there is a fault.
pub const RETURN_FROM_SWAPPER: usize = 0xff80_8000;

/// Is it one of the addresses that code returns to which the kernel called? A jump there by other code ends its process.
pub const fn is_return_address(at: usize) -> bool {
    matches!(
        at,
        RETURN_FROM_ISR | EXIT_THREAD | RETURN_FROM_EXCEPTION_HANDLER | RETURN_FROM_SWAPPER
    )
}
