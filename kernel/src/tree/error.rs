//! Why a device tree was refused.

use core::fmt;

use crate::board;

/// At most this many pieces of RAM, and of reserved memory, are looked at.
pub const MAX_RANGES: usize = 32;

/// Why a device tree was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// It is not a device tree, or its structure block is broken.
    Malformed,
    /// More than [`MAX_RANGES`] pieces of RAM or of held memory.
    TooManyRanges,
    /// No `/memory` node with a size.
    NoMemory,
    /// None of the root's `compatible` words is a board's; here is the first.
    UnknownBoard,
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            TreeError::Malformed => f.write_str("it is damaged, or no device tree"),
            TreeError::TooManyRanges => write!(
                f,
                "more than {MAX_RANGES} pieces of RAM or of reserved memory"
            ),
            TreeError::NoMemory => f.write_str("no /memory with a size"),
            TreeError::UnknownBoard => f
                .write_str("no `compatible` of its root is a known board's; there is")
                .and_then(|()| {
                    board::BOARDS
                        .iter()
                        .try_for_each(|board| write!(f, " {}", board.name))
                }),
        }
    }
}
