//! Errors of looking up and reading a board.

use thiserror::Error;

use crate::FileError;

/// Why a board cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BoardError {
    /// No board file of this project has that name.
    #[error(
        "unknown board `{name}`; known boards: {}; a file of your own is named with its folder, as ./my.toml",
        known()
    )]
    NoBoard {
        /// The name that was looked up.
        name: String,
    },
    /// A board file cannot be read from disk.
    #[error("cannot read the board's file {file}: {why}")]
    Unreadable {
        /// Path of the file.
        file: String,
        /// The operating system's message.
        why: String,
    },
    /// A board file has an invalid value, an unknown key or bad syntax.
    #[error(transparent)]
    Wrong(#[from] FileError),
}

/// The names of all compiled-in boards, with commas between, for a message.
fn known() -> String {
    crate::names().collect::<Vec<_>>().join(", ")
}
