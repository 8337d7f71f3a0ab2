//! What faults leave behind.

mod log;

pub use log::{Log, open, room};
