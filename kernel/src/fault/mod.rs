//! What faults leave behind.

mod costs;
mod log;
mod oom;
mod stats;

pub use costs::{BINS, BOUNDS, Costs};
pub use log::{Log, open, room};
pub use oom::OomPolicy;
pub use stats::{Moved, PagingCounts, ThreadPaging};
