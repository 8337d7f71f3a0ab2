//! What can be wrong with a board, or with a wish for one.

use thiserror::Error;

use crate::FileError;

/// Why there is no such board.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BoardError {
    /// Nobody wrote a file of that name.
    #[error(
        "unknown board `{name}`; known boards: {}; a file of your own is named with its folder, as ./my.toml",
        known()
    )]
    NoBoard {
        /// The name that was asked for.
        name: String,
    },
    /// A board's file cannot be read.
    #[error("cannot read the board's file {file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        why: String,
    },
    /// A board's file says something that cannot be.
    #[error(transparent)]
    Wrong(#[from] FileError),
}

/// The boards that there are, for a message.
fn known() -> String {
    crate::names().collect::<Vec<_>>().join(", ")
}
