//! A machine on the desk: memory, and a TLB that keeps every stale entry.
//!
//! What an emulator forgives, this does not: a translation that was used once stays in
//! force until a fence that the architecture says is sufficient, and a frame that is filled
//! anew while a translation to it is still held is a failure at once.
#![forbid(unsafe_code)]

mod machine;
mod ram;
mod tlb;

pub use machine::{Access, Fault, Machine, Quirks};
pub use ram::Ram;
