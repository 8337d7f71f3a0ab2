//! Why something could not be made.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// The result of making something.
pub type Result<T> = std::result::Result<T, PackError>;

/// Why something could not be made.
#[derive(Debug, Error)]
pub enum PackError {
    /// The system refused something.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: "read", "create", …
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and the way out.
        what: String,
    },
    /// Something does not fit where it should go.
    #[error("{what}: needs {needs} bytes, has {has}; {way_out}")]
    NoRoom {
        /// What does not fit, and into what.
        what: String,
        /// Bytes it needs.
        needs: u64,
        /// Bytes there are.
        has: u64,
        /// The way out.
        way_out: &'static str,
    },
    /// What was asked for makes no sense, or is too dangerous.
    #[error("{0}")]
    Refused(String),
}

impl PackError {
    /// For `map_err` after an operation on a path.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackError {
        let path = path.to_owned();
        move |source| PackError::Io {
            action,
            path,
            source: in_words(source),
        }
    }

    /// A file is not what it should be.
    pub fn wrong(path: &Path, what: impl Into<String>) -> PackError {
        PackError::Wrong {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// The library's own words for a short read tell of its buffer, not of the file.
fn in_words(source: io::Error) -> io::Error {
    match (source.kind(), source.raw_os_error()) {
        (kind @ io::ErrorKind::UnexpectedEof, None) => io::Error::new(
            kind,
            "it ends too early: it was cut off, or is no such file",
        ),
        (kind @ io::ErrorKind::InvalidData, None) => {
            io::Error::new(kind, "it is not text in UTF-8")
        }
        _ => source,
    }
}
