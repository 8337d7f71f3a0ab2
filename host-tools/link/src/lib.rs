//! Everything that brings bytes from a target to the host, and what they mean on the line.

#![warn(missing_docs)]

pub mod gdb;
pub mod hub;
pub mod lines;
pub mod memory;
#[cfg(test)]
mod noise;
#[cfg(feature = "probe")]
pub mod probe;
pub mod recording;
pub mod session;
pub mod symbols;
pub mod text;
pub mod transport;
mod words;

pub use lines::Lines;
pub use session::{Decoder, LineEvent};
pub use symbols::Symbols;
