//! JTAG: memory and registers of a hart whose software does not respond.
//!
//! probe-rs finds the probes and drives their pins; the protocol above is implemented here. Its own RISC-V
//! support does not fit: it truncates registers (`s0` and `s1` of 64 bits), ignores faulting loads, keeps a
//! bus error indefinitely, sets breakpoints that S-mode does not hit, writes registers in a form that some
//! harts reject, waits without a limit, and needs two scans per word. `upstream_bugs.rs` shows each of these,
//! so that a fixed release is noticed.
//!
//! ```text
//! Target   the interface of commands: satp, CSRs, memory by any method
//! Module   the debug module and a hart: halt, resume, registers; restores changes
//! Dtm      the debug module interface: operations in batches
//! Chain    the TAPs of the chain          Scanner  scans through a probe's pins
//! ```

mod access;
mod bitbang;
mod breakpoint;
mod chain;
mod debug_module;
mod discovery;
mod dtm;
mod error;
#[cfg(all(test, feature = "sim"))]
mod fault_injection;
mod memory;
#[cfg(all(test, feature = "sim"))]
mod peer;
mod pins;
#[cfg(all(test, feature = "sim"))]
mod proof;
mod registers;
#[cfg(all(test, feature = "sim"))]
mod roms;
mod scan;
#[cfg(feature = "sim")]
pub mod sim;
mod target;
#[cfg(all(test, feature = "sim"))]
mod upstream_bugs;

pub use access::{AccessMethod, AccessRefusal};
pub use bitbang::Bitbang;
pub use chain::{Chain, KnownChain};
pub use debug_module::Offers;
pub use discovery::{OX64_PORT, ProbeInfo, Selector, list};
pub use error::ProbeError;
pub use target::{Info, Options, Target};
