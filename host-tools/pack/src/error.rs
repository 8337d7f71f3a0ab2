//! Errors of building, writing and inspecting images.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, PackError>;

/// Why an image could not be built, written or read.
#[derive(Debug, Error)]
pub enum PackError {
    /// An operation on a file failed.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// The operation: "read", "create", …
        action: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// A file has the wrong content or type.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// Path of the file.
        path: PathBuf,
        /// The problem, and how to solve it.
        what: String,
    },
    /// Something does not fit.
    #[error("{what}: needs {needs} bytes, has {has}; {way_out}")]
    NoRoom {
        /// The part that does not fit, and its container.
        what: String,
        /// Bytes needed.
        needs: u64,
        /// Bytes available.
        has: u64,
        /// What the user can change.
        way_out: &'static str,
    },
    /// What was asked for makes no sense, or is too dangerous.
    #[error("{0}")]
    Refused(String),
}

impl PackError {
    /// Returns a function for `map_err` after an operation on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> PackError {
        let path = path.to_owned();
        move |source| PackError::Io {
            action,
            path,
            source: in_words(source),
        }
    }

    /// A file with the wrong content or type.
    pub fn wrong(path: &Path, what: impl Into<String>) -> PackError {
        PackError::Wrong {
            path: path.to_owned(),
            what: what.into(),
        }
    }
}

/// The standard library's message for a short read names its buffer; this one names the file.
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
