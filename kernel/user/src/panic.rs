//! A panic: its message on the console, and exit status 101, as programs of Rust have it.

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    crate::println!("panic: {info}");
    crate::call::exit(101)
}
