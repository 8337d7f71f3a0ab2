//! What is known about a target: faults, address spaces, layouts. No input or output.

#![warn(missing_docs)]

pub mod boards;
pub mod crash;
pub mod csr;
pub mod diagnosis;
pub mod diff;
pub mod entries;
pub mod faults;
pub mod find;
pub mod guest_map;
pub mod history;
pub mod layout;
pub mod ledger;
pub mod lint;
pub mod live;
pub mod owners;
pub mod probe;
pub mod roots;
pub mod space;
pub mod stacks;
pub mod stats;
pub mod tasks;
mod timeline;
mod words;
pub mod working;

pub use crash::{CrashReason, CrashRegisters, TrappedMode};
pub use diagnosis::{BootDiagnosis, DoctorReport};
pub use entries::LooseEntries;
pub use faults::Faults;
pub use guest_map::{GuestMap, GuestProblem, GuestRange};
pub use history::FaultHistory;
pub use layout::ImageLayout;
pub use ledger::Ledger;
pub use live::Live;
pub use space::AddressSpace;
pub use stacks::{StackCall, StackList, TaskStack};
pub use tasks::{TaskList, TaskRow};
pub use timeline::{Bucket, Timeline};
pub use words::counted;
