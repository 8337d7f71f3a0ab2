//! The program around the kernel library: nothing here that a test would want.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use kernel as _;

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    kernel::arch::die(format_args!("{info}"))
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is a kernel; `just run` starts it in an emulator");
    std::process::exit(2);
}
