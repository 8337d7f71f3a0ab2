//! REMEMBER: faults, address spaces, layouts; no input or output.

#![warn(missing_docs)]

pub mod entries;
pub mod space;

pub use entries::Entries;
pub use space::Space;
