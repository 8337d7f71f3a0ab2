//! JTAG: memory and registers of a hart that says nothing any more.
//!
//! probe-rs finds the probes and moves their pins; what is said over them is said here. Its own
//! RISC-V side does not fit: it gives half of a register back (`s0` and `s1` of 64 bits), takes
//! faulting loads for good, keeps a bus error for ever, sets breakpoints that S-mode runs over,
//! writes registers in a way that some harts refuse, waits without end, and needs two scans for
//! a word. `upstream_bugs.rs` shows each of these, so that a release without them is noticed.
//!
//! ```text
//! Target   what commands ask: satp, CSRs, memory by whichever way leads there
//! Module   the debug module and a hart: halt, resume, registers; puts back what it changed
//! Dtm      the debug bus: operations in batches, the slow ones waited for
//! Chain    which ports are there          Wires   scans through a probe's pins
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
pub use discovery::{ProbeInfo, Selector, list};
pub use error::ProbeError;
pub use target::{Info, Options, Target};
