//! The kernel's interface: system calls, errors, causes, the fault record.
//!
//! Kernel, user programs and the host use this crate, so a number here never changes its meaning: add rows,
//! never renumber.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod call;
mod cause;
mod dialect;
mod error;
mod fault;
pub mod log;
mod memory;
pub mod message;
mod numbered;
mod outcome;
mod paging;
mod place;
mod pressure;
mod sighting;
pub mod start;
mod task;
pub mod text;
pub mod thread;
mod topic;

pub use call::Call;
pub use cause::Cause;
pub use dialect::{dialect_number, numbered_dialect};
pub use error::Error;
pub use fault::Fault;
pub use memory::{Advice, map, prot};
pub use outcome::Outcome;
pub use paging::PagingStatistics;
pub use place::{Access, Class, Source};
pub use pressure::{PRESSURE_WINDOW_MS, PressureKind};
pub use sighting::Sighting;
pub use task::TaskState;
pub use topic::{Set, Topic};

/// The page that a registry shows: its example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct AbiReadme;
