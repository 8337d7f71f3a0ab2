//! A board on the host: QEMU started, typed at and read, as a user would.
//!
//! A test says which machine it wants ([`Qemu`]), gets a running [`Board`], and
//! speaks to it through its serial line alone. Nothing here sleeps: every wait is
//! for an event on the line, the end of the emulator, or a deadline, and a wait
//! that fails shows the last lines the board printed.

mod answers;
mod console;
mod figures;
mod frozen;
mod inputs;
mod monitor;
mod qemu;
mod screen;
mod socket;
mod uboot;

pub use answers::{Logged, fault_log, faults, free_pages, number_after, tasks};
pub use console::BoardConsole;
pub use figures::measure;
pub use frozen::{Frozen, StubLine};
pub use inputs::built;
pub use monitor::{Monitor, with_stub};
pub use qemu::{Board, PROMPT, Qemu};
pub use screen::Screen;
pub use socket::SocketBoard;
pub use uboot::{PROMPT as UBOOT_PROMPT, UBoot};
