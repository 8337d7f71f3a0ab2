//! `--board`: a compiled-in board, or a file of the user's own.

use std::path::Path;

use boards::{Board, BoardError};

/// The board that an argument names; a relative path starts at the current directory.
pub fn board(word: &str) -> Result<Board, BoardError> {
    boards::find(word, Path::new(""))
}

/// Converts the name in a board file to the dialect.
#[cfg(feature = "full")]
pub fn dialect(of: boards::DialectName) -> pagetable::Dialect {
    match of {
        boards::DialectName::None => pagetable::Dialect::None,
        boards::DialectName::Svpbmt => pagetable::Dialect::Svpbmt,
        boards::DialectName::Thead => pagetable::Dialect::THead,
    }
}
