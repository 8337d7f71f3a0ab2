//! ROMFS: the format, a reader without allocation, and a writer.
//!
//! All numbers are big endian and every structure is aligned to 16 bytes (Linux,
//! `Documentation/filesystems/romfs.rst`). Input is checked: no image makes the reader panic, loop, or read
//! outside of it.

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

/// The page that a registry shows: its example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct RomfsReadme;
