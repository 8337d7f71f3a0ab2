//! Processes and threads: what runs, what waits, and what they ask of the kernel.

mod call_result;
pub mod context;
pub mod exec;
mod fork;
mod forking;
mod lend;
mod lent;
mod memory;
mod message;
mod message_number;
mod on_harts;
mod page_in;
mod paging;
pub mod process;
mod program;
mod queue;
mod reclaim;
mod replace;
pub mod resched;
mod resume_call;
pub mod schedule;
pub mod server;
mod server_end;
mod shell;
mod sleepers;
pub mod slot;
mod state;
pub mod switch;
pub mod syscall;
pub mod table;
#[cfg(test)]
pub(crate) mod tests;
pub mod thread;
mod thread_exit;
pub mod threads;
mod unfinished;
mod waiters;

pub use context::{Context, Floats, TrapFrame};
pub use lent::waits_for_page;
pub use process::Process;
pub use schedule::Schedule;
pub use slot::{Slot, SlotSet};
pub use state::SchedState;
pub use table::Tasks;
pub use thread::Thread;
