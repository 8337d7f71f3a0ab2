//! gdb on the line: packets made whole, a state machine behind them, and what it may touch.
//!
//! The state machine is crate `gdbstub`'s. It lives as long as the kernel is stopped: a
//! malformed packet costs one, and nothing of it has to survive a run of the programs.

mod breakpoints;
mod catch;
mod crash;
mod debugger;
mod filter;
mod inserted;
mod maps;
mod monitor;
pub mod packet;
mod registers;
mod reply;
mod resume;
mod riscv;
mod serve;
mod shim;
mod step;
mod symbols;
mod target;
mod threads;
mod triggers;

pub use catch::caught;
pub use crash::post_mortem;
pub use debugger::{Buffers, Crash, Debugger, StopReason};
pub use inserted::Breakpoints;
pub use serve::{breakpoint, ended, fatal, forked, service, spawned};
pub use shim::{GdbRequest, Shim};
