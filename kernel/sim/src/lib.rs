//! A machine on the bench: memory, and a TLB that keeps every stale entry.
//!
//! What an emulator forgives, this does not: a translation that was used once stays in
//! force until a fence that the architecture says is sufficient, and a frame that is filled
//! anew while a translation to it is still held is a failure at once. On request it is as
//! strict as T-Head's C906, whose memory types no emulator has.
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
