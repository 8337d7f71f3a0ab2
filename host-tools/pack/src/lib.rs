//! MAKE: definitions and files in, image bytes out.
//!
//! Nothing here depends on the clock, the host's paths or the order of its directories: the
//! same inputs make the same bytes. Nothing half-written is left behind: see [`output`].

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
pub mod swap;
pub mod tree;

mod error;
mod kernel;

pub use error::{PackError, Result};
pub use kernel::Kernel;

/// How far a long step has come: bytes done, bytes in all.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;
