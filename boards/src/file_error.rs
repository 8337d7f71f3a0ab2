//! What is wrong in a TOML file, and where: line, column, and the line itself.
//!
//! ```text
//! my.toml:7:1: unknown field `irk`, expected one of `kind`, `base`, `irq`
//!   |
//! 7 | irk = 20
//!   | ^^^
//! ```

use std::fmt;
use std::ops::Range;

use thiserror::Error;

/// A TOML file with an invalid value, an unknown key or bad syntax, with the place of the error.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct FileError {
    /// Path of the file, as the user named it.
    pub file: String,
    /// Line number, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The message: the value, and the values that are allowed.
    pub what: String,
    /// Text of the line, without its newline.
    shown: String,
    /// Number of characters to underline, at least 1.
    width: usize,
}

impl FileError {
    /// Marks bytes `span` of `text` as wrong; a span outside `text` marks its end.
    #[must_use]
    pub fn at(file: &str, text: &str, span: Range<usize>, what: String) -> FileError {
        let from = floor(text, span.start);
        let end = floor(text, span.end).max(from);
        let begin = text[..from].rfind('\n').map_or(0, |at| at + 1);
        let shown = text[begin..].lines().next().unwrap_or_default();
        // A span over several lines is underlined on its first line only.
        let width = text[from..end].lines().next().map_or(0, count);
        FileError {
            file: file.to_owned(),
            line: 1 + text[..from].matches('\n').count(),
            column: 1 + count(&text[begin..from]),
            what,
            shown: shown.to_owned(),
            width: width.max(1),
        }
    }

    /// Converts an error of the TOML reader: bad syntax, an unknown key or word, a missing or mistyped value.
    #[must_use]
    pub fn unread(file: &str, text: &str, wrong: &toml::de::Error) -> FileError {
        // The reader's message may have several lines; the first one is sufficient.
        let what = wrong.message().lines().next().unwrap_or_default();
        FileError::at(
            file,
            text,
            wrong.span().unwrap_or_default(),
            what.to_owned(),
        )
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileError {
            file,
            line,
            column,
            what,
            shown,
            width,
        } = self;
        write!(f, "{file}:{line}:{column}: {what}")?;
        if shown.trim().is_empty() {
            return Ok(());
        }
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the mark stands below the text it marks.
        let before: String = shown
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        let mark = "^".repeat(*width);
        write!(
            f,
            "\n{margin} |\n{number} | {shown}\n{margin} | {before}{mark}"
        )
    }
}

fn count(text: &str) -> usize {
    text.chars().count()
}

/// The last character boundary at or before byte `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_below_what_is_wrong() {
        let text = "a = 1\n\tkäse = 2\n";
        let at = text.find("käse").unwrap();
        let wrong = FileError::at("x.toml", text, at..at + "käse".len(), "unknown".into());
        assert_eq!(
            wrong.to_string(),
            "x.toml:2:2: unknown\n  |\n2 | \tkäse = 2\n  | \t^^^^"
        );
    }

    #[test]
    fn no_span_panics() {
        let text = "ä\n\nb";
        for from in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                let wrong = FileError::at("x", text, from..end, "what".into());
                assert!(wrong.to_string().starts_with("x:"), "{wrong}");
            }
        }
    }
}
