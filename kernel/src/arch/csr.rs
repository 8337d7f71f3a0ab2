//! Control and status registers, each behind a function that says what it is for.

use core::arch::asm;

use crate::platform::Pending;

/// Reads a CSR by name.
macro_rules! read {
    ($name:literal) => {{
        let value: usize;
        // SAFETY: reading these CSRs has no side effect on memory.
        unsafe { asm!(concat!("csrr {0}, ", $name), out(reg) value, options(nomem, nostack)) };
        value
    }};
}

/// `sie`/`sip` bits. Privileged spec, §sip and sie.
const TIMER: usize = 1 << 5;
const EXTERNAL: usize = 1 << 9;

/// Ticks of the board's timebase since reset.
pub fn time() -> u64 {
    #[cfg(target_pointer_width = "64")]
    return read!("time") as u64;
    // The halves belong together when the upper one did not change meanwhile.
    #[cfg(target_pointer_width = "32")]
    loop {
        let (high, low, again) = (read!("timeh"), read!("time"), read!("timeh"));
        if high == again {
            return (high as u64) << 32 | low as u64;
        }
    }
}

/// Instructions this hart has retired.
pub fn instret() -> usize {
    read!("instret")
}

/// The root of the page tables in force, with its mode.
pub fn satp() -> usize {
    read!("satp")
}

/// The interrupts that are pending and enabled, as `sip & sie`.
pub fn pending() -> Pending {
    let bits = read!("sip") & read!("sie");
    Pending {
        timer: bits & TIMER != 0,
        external: bits & EXTERNAL != 0,
    }
}

/// Lets timer and external interrupts in once a program runs. The kernel itself runs with
/// `sstatus.SIE` clear from its first instruction on.
pub fn enable_interrupts() {
    // SAFETY: interrupts are only taken in user mode, where `trap_entry` expects them.
    unsafe { asm!("csrw sie, {0}", in(reg) TIMER | EXTERNAL, options(nomem, nostack)) };
}

/// Programs may read `cycle`, `time` and `instret`: they measure themselves.
pub fn let_programs_count() {
    // SAFETY: widens what user mode may read, nothing the kernel relies on.
    unsafe { asm!("csrw scounteren, {0}", in(reg) 7, options(nomem, nostack)) };
}

/// Sleeps until an interrupt is pending. Returns at once if one is.
pub fn wait_for_interrupt() {
    // SAFETY: `wfi` changes no state; it returns also while SIE is clear.
    unsafe { asm!("wfi", options(nomem, nostack)) };
}

/// The next timer interrupt, on harts with Sstc (`stimecmp`, CSR 0x14d).
pub fn set_stimecmp(at: u64) {
    // SAFETY: only called where the device tree lists Sstc; it programs this hart's timer.
    #[cfg(target_pointer_width = "64")]
    unsafe {
        asm!("csrw 0x14d, {0}", in(reg) at, options(nomem, nostack))
    };
    // In halves: never a moment that is sooner than both the old and the new one.
    // SAFETY: as above; `stimecmph` is CSR 0x15d.
    #[cfg(target_pointer_width = "32")]
    unsafe {
        asm!("csrw 0x14d, {ever}", "csrw 0x15d, {high}", "csrw 0x14d, {low}",
            ever = in(reg) usize::MAX, high = in(reg) (at >> 32) as usize, low = in(reg) at as usize,
            options(nomem, nostack))
    };
}

/// Instructions written to memory are seen by later fetches of this hart.
pub fn fence_code() {
    // SAFETY: orders memory; touches none.
    unsafe { asm!("fence.i", options(nostack)) };
}
