//! HEAR: everything that brings bytes from a board to the desk.

#![warn(missing_docs)]

pub mod memory;
