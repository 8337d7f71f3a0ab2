//! The firmware's services (RISC-V SBI specification).

use core::fmt;

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

/// Switches the machine off where the firmware can (SRST); returns where it cannot.
pub fn power_off() {
    if sbi_rt::probe_extension(sbi_rt::Reset).is_available() {
        sbi_rt::system_reset(sbi_rt::Shutdown, sbi_rt::NoReason);
    }
}
