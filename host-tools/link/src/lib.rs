//! HEAR: everything that brings bytes from a board to the desk.

#![warn(missing_docs)]

pub mod desk;
pub mod gdb;
pub mod hub;
pub mod lines;
pub mod listen;
pub mod memory;
#[cfg(test)]
mod noise;
#[cfg(feature = "probe")]
pub mod probe;
pub mod recording;
pub mod symbols;
pub mod text;
pub mod transport;

pub use lines::Lines;
pub use listen::{Listener, Said, Sighting};
pub use symbols::Symbols;
