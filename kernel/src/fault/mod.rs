//! What faults leave behind.

mod costs;
mod log;
mod oom;
mod pressure;
mod stats;
mod trigger;

pub use costs::{BINS, BOUNDS, Costs};
pub use log::{Log, open, room};
pub use oom::OomPolicy;
pub use pressure::{PRESSURE_SPANS, Percent, Pressure};
pub use stats::{Moved, PagingCounts, ThreadPaging};
pub use trigger::PressureTrigger;
