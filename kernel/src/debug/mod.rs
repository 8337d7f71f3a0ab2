//! What the kernel says of itself, and the line it says it on.

pub mod agent;
mod announce;
mod console;
mod memory_access;
pub mod monitor;
mod ring;
pub mod stub;

pub use console::{Console, LineMode};
