//! What the kernel says of itself, and the line it says it on.

mod console;
pub mod monitor;
mod report;
mod ring;

pub use console::Console;
