//! A simulated machine for tests: memory, and a hart with a TLB that keeps every stale entry.
//!
//! It is stricter than an emulator: a translation that was used once stays active until a fence that
//! the Privileged spec calls sufficient, and refilling a frame while a translation still reaches it is
//! an immediate failure. Optionally it behaves as T-Head's C906, whose memory types no emulator has.
#![forbid(unsafe_code)]

mod cache;
mod machine;
mod quirks;
mod ram;
mod tlb;
mod walker;

pub use machine::{HartView, SimCause, SimFault, SimMachine};
pub use quirks::Quirks;
pub use ram::SimRam;
