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
    /// A compressed file cannot be unpacked.
    #[error(transparent)]
    Unpack(#[from] container::UnpackError),
    /// A file has the wrong content or type.
    #[error("{}: {what}", path.display())]
    Wrong {
        /// Path of the file.
        path: PathBuf,
        /// The problem, and how to solve it.
        what: String,
    },
    /// A part is larger than the room for it.
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
    /// The device to write to is mounted.
    #[error("{} is mounted at {at}; unmount it first, if it is the card you mean", device.display())]
    Mounted {
        /// Path of the device.
        device: PathBuf,
        /// The mount point.
        at: String,
    },
    /// The device to write to is swap space.
    #[error("{} is used as swap space by this system", .0.display())]
    Swap(PathBuf),
    /// A partition's place is taken by the partition table or another partition.
    #[error(
        "partition `{partition}` ({start:#x} to {end:#x}) overlaps the partition table or another partition"
    )]
    Overlap {
        /// Name of the partition.
        partition: String,
        /// Offset of its first byte.
        start: u64,
        /// Offset of the byte after its last.
        end: u64,
    },
    /// A partition's stated size is zero.
    #[error("partition `{0}` has a `size` of 0 bytes")]
    EmptyPartition(String),
    /// A partition without a stated size starts at or beyond the end of the image.
    #[error(
        "partition `{partition}` begins at byte {start}, and the image's room for partitions ends at \
         {limit}: nothing is left for it; raise the image's `size`, or lower `start`"
    )]
    NothingLeft {
        /// Name of the partition.
        partition: String,
        /// Offset of its first byte.
        start: u64,
        /// End of the room for partitions.
        limit: u64,
    },
    /// An extlinux.conf names a file that its partition lacks.
    #[error(
        "extlinux.conf names `{path}`, which is not on partition `{partition}`; there is {}",
        present.join(", ")
    )]
    NotOnPartition {
        /// Path in the extlinux.conf.
        path: String,
        /// Name of the partition.
        partition: String,
        /// Paths of the files on it.
        present: Vec<String>,
    },
    /// More partitions than an MBR has entries.
    #[error("an MBR holds 4 partitions, not {0}; use table = \"gpt\"")]
    TooManyPartitions(usize),
    /// A partition beyond the 32-bit sector numbers of an MBR.
    #[error("an MBR reaches 2 TiB; use table = \"gpt\"")]
    BeyondMbr,
    /// A ROMFS cannot be read.
    #[error("damaged ROMFS")]
    Romfs(#[source] romfs::RomfsError),
    /// A name in a ROMFS that would be written outside of the target folder.
    #[error("`{0}` is not a name that can be extracted")]
    UnsafeName(String),
    /// A file above the limit of a FAT.
    #[error("{path}: {size} bytes; a file on a FAT has 4294967295 at most")]
    FileTooLarge {
        /// Path on the volume.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A path that cannot be placed on a FAT volume.
    #[error("partition `{partition}`")]
    FatName {
        /// Name of the partition.
        partition: String,
        /// What is wrong with the path.
        source: FatNameError,
    },
    /// The fixed root directory of a FAT16 volume is full.
    #[error(
        "the root directory of partition `{partition}` holds {entries} entries of 32 bytes, and its files \
         need {needed}: put some into a folder, or use fat = \"fat32\""
    )]
    RootFull {
        /// Name of the partition.
        partition: String,
        /// Entries that the directory has.
        entries: u64,
        /// Entries that its files need.
        needed: u64,
    },
    /// A volume label that FAT does not allow.
    #[error("label `{0}` is not 1 to 11 of A-Z, 0-9, blank, `-` and `_`")]
    BadLabel(String),
    /// A size that the chosen FAT width cannot have.
    #[error(
        "partition `{partition}` of {size} bytes cannot be {width}, which has {least} to {most}"
    )]
    FatSize {
        /// Name of the partition.
        partition: String,
        /// Its size in bytes.
        size: u64,
        /// "FAT16" or "FAT32".
        width: &'static str,
        /// Smallest size, with its unit.
        least: &'static str,
        /// Largest size, with its unit.
        most: &'static str,
    },
    /// An alignment of file content that a ROMFS cannot have.
    #[error("alignment {0} is not a power of two up to 1 GiB")]
    BadAlignment(u64),
}

/// Why a path cannot be placed on a FAT volume.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FatNameError {
    /// An empty name, or one that is too long for a long-name entry.
    #[error("name `{0}` has not 1 to 255 characters")]
    Length(String),
    /// A character that long names cannot contain, or a dot or blank at the end.
    #[error(
        "name `{0}` is not allowed in a FAT: no \" * / : < > ? \\ |, no dot or blank at the end"
    )]
    Character(String),
    /// Two names in one directory that differ at most in case.
    #[error("`{0}` is there twice")]
    Twice(String),
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
            "it ends too early: it is truncated, or a file of another kind",
        ),
        (kind @ io::ErrorKind::InvalidData, None) => {
            io::Error::new(kind, "it is not valid UTF-8 text")
        }
        _ => source,
    }
}
