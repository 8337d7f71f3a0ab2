//! Connections to targets: transports, the protocol, and the formats of dumps and logs.

#![warn(missing_docs)]

mod debug_sections;
pub mod device_tree;
pub mod gdb;
pub mod hub;
pub mod lines;
pub mod memory;
#[cfg(test)]
mod noise;
pub mod os;
pub mod pmp;
#[cfg(feature = "probe")]
pub mod probe;
pub mod recording;
pub mod sections;
pub mod session;
pub mod symbols;
pub mod text;
pub mod transport;
mod words;

pub use lines::Lines;
pub use session::{Decoder, LineEvent};
pub use symbols::Symbols;
