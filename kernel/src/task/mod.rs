//! Tasks: what runs, what waits, and what they ask of the kernel.

mod call_result;
pub mod context;
pub mod exec;
mod memory;
mod page_in;
mod paging;
mod program;
mod resume_call;
pub mod schedule;
mod shell;
pub mod slot;
mod state;
pub mod switch;
pub mod syscall;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
mod unfinished;

pub use context::{Context, Floats};
pub use schedule::Schedule;
pub use slot::Slot;
pub use state::SchedState;
pub use table::{Task, Tasks};
