//! Builds images: definitions and files become the bytes of an image.
//!
//! The output does not depend on the clock, on host paths or on directory order: the same inputs give the
//! same bytes. No partial file remains after an error: see [`output`].

pub mod bmap;
pub mod card;
pub mod check;
pub mod content;
pub mod extlinux;
pub mod extract;
pub mod fat;
pub mod flash;
pub mod gpt;
pub mod headers;
pub mod initrd;
pub mod inspect;
pub mod magic;
pub mod mbr;
pub mod output;
pub mod payload;
pub mod strip;
pub mod swap;
#[cfg(test)]
mod test_image;
pub mod tree;

mod error;
mod kernel;

pub use error::{FatNameError, PackError, Result};
pub use kernel::Kernel;

/// Progress callback of a long operation: bytes done, bytes in total.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;
