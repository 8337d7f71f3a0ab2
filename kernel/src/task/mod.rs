//! Tasks: what runs, what waits, and what they ask of the kernel.

pub mod context;
pub mod exec;
mod memory;
mod program;
pub mod schedule;
pub mod syscall;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use context::{Context, Floats};
pub use schedule::Schedule;
pub use table::{Slot, State, Task, Tasks};
