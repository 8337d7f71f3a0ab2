//! JTAG: memory and registers of a hart that says nothing any more.
//!
//! probe-rs finds the probes and moves their pins; what is said over them is said here. Its own
//! RISC-V side does not fit: it gives half of a register back (`s0` and `s1` of 64 bits), takes
//! faulting loads for good, keeps a bus error for ever, sets breakpoints that S-mode runs over,
//! writes registers in a way that some harts refuse, waits without end, and needs two scans for
//! a word. `defects.rs` shows each of these, so that a release without them is noticed.
//!
//! ```text
//! Target   what commands ask: satp, CSRs, memory by whichever way leads there
//! Module   the debug module and a hart: halt, resume, registers; puts back what it changed
//! Dtm      the debug bus: operations in batches, the slow ones waited for
//! Chain    which ports are there          Wires   scans through a probe's pins
//! ```

mod bitbang;
mod breakpoint;
mod chain;
#[cfg(all(test, feature = "sim"))]
mod defects;
mod dtm;
mod error;
mod found;
mod memory;
mod method;
mod module;
#[cfg(all(test, feature = "sim"))]
mod peer;
mod pins;
#[cfg(all(test, feature = "sim"))]
mod proof;
mod registers;
#[cfg(feature = "sim")]
pub mod sim;
mod target;
#[cfg(all(test, feature = "sim"))]
mod trouble;
mod wires;

pub use bitbang::Bitbang;
pub use chain::{Chain, Known};
pub use error::ProbeError;
pub use found::{Found, Selector, list};
pub use method::{Method, Refusal};
pub use module::Offers;
pub use target::{Info, Options, Target};
