//! The firmware's services (RISC-V SBI specification).

use core::fmt;

use pagetable::PhysAddr;
use sbi_spec::binary::HartMask;

/// Writes text through the firmware's console: slow, but it needs nothing of ours.
/// The legacy call is the one that every SBI has, the Ox64's 1.0 too.
pub fn print(text: fmt::Arguments) {
    struct Firmware;
    impl fmt::Write for Firmware {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            for byte in text.bytes() {
                #[expect(deprecated, reason = "DBCN came after the SBI that boards carry")]
                sbi_rt::legacy::console_putchar(byte as usize);
            }
            Ok(())
        }
    }
    // The writer above cannot fail; a `Display` that does has nowhere left to report to.
    let _ = fmt::write(&mut Firmware, text);
}

/// Asks for a timer interrupt at `at` ticks; also takes back one that is pending.
pub fn set_timer(at: u64) {
    sbi_rt::set_timer(at);
}

/// Can the firmware start other harts, and interrupt them (HSM and IPI)?
pub fn can_start_harts() -> bool {
    sbi_rt::probe_extension(sbi_rt::Hsm).is_available()
        && sbi_rt::probe_extension(sbi_rt::Ipi).is_available()
}

/// Starts a hart at a physical address, with another one in its a1; whether the firmware took it.
pub fn start_hart(id: usize, entry: PhysAddr, argument: PhysAddr) -> bool {
    sbi_rt::hart_start(id, entry.raw() as usize, argument.raw() as usize).is_ok()
}

/// Raises a software interrupt on one hart.
pub fn interrupt_hart(id: usize) {
    // A hart that is running can be interrupted: there is nothing to be done about a refusal.
    let _ = sbi_rt::send_ipi(HartMask::from_mask_base(1, id));
}

/// The same on every hart.
pub fn interrupt_all() {
    let _ = sbi_rt::send_ipi(HartMask::all());
}

/// Switches the machine off where the firmware can (SRST); returns where it cannot.
pub fn power_off() {
    if sbi_rt::probe_extension(sbi_rt::Reset).is_available() {
        sbi_rt::system_reset(sbi_rt::Shutdown, sbi_rt::NoReason);
    }
}
