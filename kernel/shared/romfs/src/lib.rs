//! ROMFS: the format, a reader without allocation, and a writer.
//!
//! All numbers are big endian, everything lies on borders of 16 bytes (Linux,
//! `Documentation/filesystems/romfs.rst`). What is read is a claim until it is
//! checked: no input makes the reader panic, loop, or leave the image.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "alloc")]
extern crate alloc;

mod reader;
pub mod record;
#[cfg(feature = "alloc")]
pub mod writer;

pub use reader::{Entries, NodeKind, Romfs, RomfsEntry, RomfsError};
