//! Compressed files, opened as what is in them.
//!
//! ```text
//! open    a file --> its first bytes --> itself, or its content in a file without a name
//! read    the same, as bytes in memory, no more than a limit
//! ```
//!
//! A file is known by its first bytes, never by its name. Whatever is read at any offset (a core, a
//! card) is unpacked into a file without a name, in which runs of zeros are holes: a gigabyte of zeros
//! takes seconds and no room. No stream needs more memory than [`MOST_WINDOW`] and a few buffers.

#![warn(missing_docs)]

mod block;
mod error;
mod other;
mod packing;
mod scratch;
mod unpacked;
mod zstd;

pub use block::BlockPacking;
pub use error::UnpackError;
pub use other::OtherPacking;
pub use packing::Packing;
pub use scratch::{Scratch, scratch_file};
pub use unpacked::{MOST_BYTES, UnpackedFile, head, open, open_with, packing_of, read, read_from};
pub use zstd::MOST_WINDOW;
