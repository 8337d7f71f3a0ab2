//! Control and status registers, each behind a function that says what it is for.

use core::arch::asm;

use crate::platform::Pending;

/// Whether the hart takes these instructions without a trap. To be used at boot alone, where no
/// interrupt comes: meanwhile a trap only says no.
macro_rules! is_taken {
    ($($instruction:literal),+ $(, $name:ident = $value:expr)*) => {{
        let trapped: usize;
        // SAFETY: a trap goes on at label 2, where nothing differs but `trapped`; what the
        // instructions themselves do is their user's claim.
        unsafe {
            asm!(
                "lla {vector}, 2f",
                "csrrw {vector}, stvec, {vector}",
                "li {trapped}, 1",
                $($instruction,)+
                "li {trapped}, 0",
                ".balign 4",
                "2: csrw stvec, {vector}",
                vector = out(reg) _,
                trapped = out(reg) trapped,
                $($name = in(reg) $value,)*
                options(nostack)
            )
        };
        trapped == 0
    }};
}

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
const SOFTWARE: usize = 1 << 1;
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

/// Instructions this hart has retired. Traps where `mcounteren.IR` is clear: only to be called where
/// `entry.S` could read it.
pub fn instret() -> usize {
    read!("instret")
}

/// The same, whole where a register holds half of it.
pub fn instructions() -> u64 {
    #[cfg(target_pointer_width = "64")]
    return instret() as u64;
    #[cfg(target_pointer_width = "32")]
    loop {
        let (high, low, again) = (read!("instreth"), instret(), read!("instreth"));
        if high == again {
            return (high as u64) << 32 | low as u64;
        }
    }
}

/// The root of the active page tables, with its mode.
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

/// Does any interrupt wait that is enabled, another hart's among them?
pub fn is_interrupted() -> bool {
    read!("sip") & read!("sie") != 0
}

/// What another hart sent has been seen.
pub fn clear_software_interrupt() {
    // SAFETY: takes back a pending interrupt. Without `nomem`: what the interrupt was sent for is looked at after it.
    unsafe { asm!("csrc sip, {0}", in(reg) SOFTWARE, options(nostack)) };
}

/// No external interrupt gets through any more.
pub fn mask_external() {
    // SAFETY: fewer interrupts are taken.
    unsafe { asm!("csrc sie, {0}", in(reg) EXTERNAL, options(nomem, nostack)) };
}

/// No interrupt gets through any more.
pub fn disable_interrupts() {
    // SAFETY: fewer interrupts are taken.
    unsafe { asm!("csrw sie, zero", options(nomem, nostack)) };
}

/// Lets timer interrupts in once a program runs, external ones where there is a driver for them, and those of
/// other harts where there are several. The kernel itself runs with `sstatus.SIE` clear from its first instruction
/// on.
pub fn enable_interrupts(external: bool, others: bool) {
    let external = if external { EXTERNAL } else { 0 };
    let bits = TIMER | external | if others { SOFTWARE } else { 0 };
    // SAFETY: interrupts are only taken in user mode, where `trap_entry` expects them.
    unsafe { asm!("csrw sie, {0}", in(reg) bits, options(nomem, nostack)) };
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

/// Sleeps until another hart has interrupted this one. No other interrupt wakes it: what a timer has to say waits too, and
/// `wfi` would not sleep at all while it is pending.
pub fn wait_for_another_hart() {
    // SAFETY: `sie` is as it was afterwards, and `wfi` changes no state.
    unsafe {
        asm!(
            "csrrw {0}, sie, {0}",
            "wfi",
            "csrw sie, {0}",
            inout(reg) SOFTWARE => _,
            options(nostack)
        )
    };
}

/// What float registers a hart has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatUnit {
    /// None.
    Missing,
    /// 32 bits each (F).
    Single,
    /// 64 bits each (D).
    Double,
}

/// What float registers this hart has, found by using them: `sstatus.FS` may be writable where there
/// are none (Privileged spec, §mstatus), and a tree may be wrong.
///
/// A function of its own: a test reads the kernel's code, and this one alone may name a float register.
#[inline(never)]
pub fn float_unit() -> FloatUnit {
    const FS: usize = 3 << 13;
    // `fcvt.d.w f0, zero` and `fmv.w.x f0, zero`: the kernel itself uses no float register.
    let double = is_taken!("csrs sstatus, {fs}", ".word 0xd2000053", fs = FS);
    let single = double || is_taken!("csrs sstatus, {fs}", ".word 0xf0000053", fs = FS);
    let switched_on = read!("sstatus") & FS != 0;
    // SAFETY: the kernel uses no floats.
    unsafe { asm!("csrc sstatus, {0}", in(reg) FS, options(nomem, nostack)) };
    match (switched_on, single, double) {
        (true, _, true) => FloatUnit::Double,
        (true, true, _) => FloatUnit::Single,
        _ => FloatUnit::Missing,
    }
}

/// Can `stimecmp` be written? The tree may list Sstc where firmware has not set `menvcfg.STCE`.
pub fn has_stimecmp() -> bool {
    is_taken!("csrw 0x14d, {never}", never = usize::MAX)
}

/// Clears the block around `at` with `cbo.zero`; false where the hart has no such instruction, or
/// firmware has not set `menvcfg.CBZE`.
///
/// # Safety
/// The page that `at` lies in is the caller's alone: a block is at most as large.
pub unsafe fn clear_block(at: *mut u8) -> bool {
    is_taken!(".insn i 0x0f, 2, x0, {at}, 4", at = at)
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
