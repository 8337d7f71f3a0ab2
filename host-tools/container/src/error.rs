//! Why a compressed file cannot be opened.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::{OtherPacking, Packing};

/// Why a file cannot be opened or unpacked.
#[derive(Debug, Error)]
pub enum UnpackError {
    /// The file cannot be opened or read.
    #[error("{path}", path = .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The file is packed in a way that is not opened.
    #[error("{path}: it is {what}, which is not opened here; {command} {path} unpacks it",
        path = .0.display(), what = .1.what, command = .1.command)]
    Other(PathBuf, OtherPacking),
    /// The stream ends before its end mark.
    #[error(
        "{path}: cut off: its {packing} stream ends in the middle, behind {bytes} bytes unpacked; fetch the file again",
        path = .path.display()
    )]
    Cut {
        /// Path of the compressed file.
        path: PathBuf,
        /// How the file is compressed.
        packing: Packing,
        /// Number of bytes unpacked until then.
        bytes: u64,
    },
    /// The stream is not as its format demands, or a checksum is wrong.
    #[error("{path}: its {packing} stream is damaged behind {bytes} bytes unpacked", path = .path.display())]
    Damaged {
        /// Path of the compressed file.
        path: PathBuf,
        /// How the file is compressed.
        packing: Packing,
        /// Number of bytes unpacked until then.
        bytes: u64,
        /// The error of the decoder.
        #[source]
        source: io::Error,
    },
    /// More content than is taken.
    #[error(
        "{path}: unpacks to more than {limit} bytes, which is the most that is taken; if that is right, {command} unpacks it",
        path = .path.display(), command = .packing.command(path)
    )]
    TooLarge {
        /// Path of the compressed file.
        path: PathBuf,
        /// How the file is compressed.
        packing: Packing,
        /// Most bytes that are taken.
        limit: u64,
    },
    /// The folder for temporary files cannot hold the content.
    #[error(
        "{path}: no room in {folder} for what it unpacks to; TMPDIR=FOLDER names a folder with more",
        path = .path.display(), folder = .folder.display()
    )]
    NoRoom {
        /// Path of the compressed file.
        path: PathBuf,
        /// Folder for temporary files, from TMPDIR.
        folder: PathBuf,
        /// The error of the write.
        #[source]
        source: io::Error,
    },
}
