//! What can be wrong with an image definition.

use thiserror::Error;

/// A definition says something that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{name}:{line}: {what}")]
pub struct ImageError {
    /// The definition.
    pub name: String,
    /// The line, from 1.
    pub line: usize,
    /// The value, and what it may be.
    pub what: String,
}

impl ImageError {
    pub(crate) fn unread(name: &str, text: &str, wrong: &toml::de::Error) -> ImageError {
        let at = wrong.span().map_or(0, |span| span.start);
        let what = wrong
            .message()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned();
        ImageError::at(name, text, at, what)
    }

    /// The byte `at` of the text tells the line.
    pub(crate) fn at(name: &str, text: &str, at: usize, what: String) -> ImageError {
        ImageError {
            name: name.to_owned(),
            line: 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count(),
            what,
        }
    }
}
