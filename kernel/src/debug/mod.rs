//! What the kernel says of itself, and the line it says it on.

pub mod agent;
mod console;
mod look;
pub mod monitor;
mod report;
mod ring;
pub mod stub;

pub use console::{Console, Mode};
pub use look::RamMap;
