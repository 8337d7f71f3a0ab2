//! What programs for the board share: system calls, a line of arguments, text.
//!
//! A program is a file in `src/bin` that says `user::main!(run)` with
//! `fn run(arguments: Arguments) -> u8`; what it returns is its exit status.
#![cfg_attr(target_os = "none", no_std)]

pub mod arguments;
pub mod call;
pub mod check;
mod counter;
pub mod handler;
pub mod layout;
pub mod message;
#[cfg(target_os = "none")]
mod panic;
pub mod sync;
mod sys;
pub mod text;
pub mod thread;

pub use arguments::Arguments;
pub use counter::{Counter, NOT_COUNTED};
pub use sys::{
    breakpoint, illegal, instructions, raw_call, read_at, reserve_misaligned, run_at, write_at,
};

/// Names the program's layout in an ELF note; without it, the board's is used.
#[macro_export]
macro_rules! layout {
    ($name:literal) => {
        #[cfg(target_os = "none")]
        core::arch::global_asm!(
            ".section .note.pagewalk, \"a\", @note",
            ".balign 4",
            ".word 9, 2f - 1f, 1",
            ".asciz \"Pagewalk\"",
            ".balign 4",
            "1:",
            concat!(".ascii \"", $name, "\""),
            "2:",
            ".balign 4",
            ".text",
        );
    };
}

/// Says in an ELF note how many bytes the first thread's stack can grow to; without it, 256 KiB.
#[macro_export]
macro_rules! stack {
    ($bytes:literal) => {
        #[cfg(target_os = "none")]
        core::arch::global_asm!(
            ".section .note.pagewalk, \"a\", @note",
            ".balign 4",
            ".word 9, 4, 2",
            ".asciz \"Pagewalk\"",
            ".balign 4",
            concat!(".word ", $bytes),
            ".text",
        );
    };
}

/// Makes a file of `src/bin` a program.
#[macro_export]
macro_rules! main {
    ($run:path) => {
        #[cfg(target_os = "none")]
        #[expect(
            unsafe_code,
            reason = "the entry point has a name that the linker script knows"
        )]
        #[unsafe(no_mangle)]
        extern "C" fn program(line: *const u8, bytes: usize, offers: usize) -> ! {
            let arguments = $crate::Arguments::given(line, bytes).on_a_hart(offers);
            $crate::call::exit($run(arguments))
        }

        #[cfg(not(target_os = "none"))]
        fn main() {
            // On the host it only has to compile; it is the board's.
            let _: fn($crate::Arguments) -> u8 = $run;
        }
    };
}
