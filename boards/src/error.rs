//! What can be wrong with a board, or with a wish for one.

use thiserror::Error;

/// Why there is no such board.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BoardError {
    /// Nobody wrote a file of that name.
    #[error("unknown board `{name}`; known boards: {}", known())]
    NoBoard {
        /// The name that was asked for.
        name: String,
    },
    /// A board file says something that cannot be.
    #[error("boards/{board}.toml:{line}: {what}")]
    Wrong {
        /// The board whose file it is.
        board: String,
        /// The line, from 1.
        line: usize,
        /// The value, and what it may be.
        what: String,
    },
}

impl BoardError {
    /// What the TOML reader refused: bad syntax, an unknown key or word, a missing or mistyped value.
    pub(crate) fn unread(board: &str, text: &str, wrong: &toml::de::Error) -> BoardError {
        let at = wrong.span().map_or(0, |span| span.start);
        // The reader's message may go on for lines; its first says it all.
        let what = wrong
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        BoardError::Wrong {
            board: board.to_owned(),
            line: line(text, at),
            what,
        }
    }
}

/// The line, from 1, on which the byte at `offset` lies.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    1 + text
        .bytes()
        .take(offset)
        .filter(|&byte| byte == b'\n')
        .count()
}

/// The boards that there are, for a message.
fn known() -> String {
    crate::names().collect::<Vec<_>>().join(", ")
}
