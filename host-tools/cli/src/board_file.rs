//! `--board`: the name of a board that is compiled in, or a file of the user's own.

use std::path::Path;

use boards::{Board, BoardError};

/// The board that a word of the command line names; a relative path begins in the folder of the run.
pub fn board(word: &str) -> Result<Board, BoardError> {
    boards::find(word, Path::new(""))
}

/// How its hart writes memory types.
#[cfg(feature = "full")]
pub fn dialect(of: boards::DialectName) -> pagetable::Dialect {
    match of {
        boards::DialectName::None => pagetable::Dialect::None,
        boards::DialectName::Svpbmt => pagetable::Dialect::Svpbmt,
        boards::DialectName::Thead => pagetable::Dialect::THead,
    }
}
