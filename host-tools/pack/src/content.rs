//! What will be written, and where, before anything is.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// Bytes at hand, or still in a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// These.
    Bytes(Vec<u8>),
    /// So many zeros: a hole in a new file, and yet part of what the card must hold.
    Zeros(u64),
    /// The first `size` bytes of a file.
    File {
        /// Where it is.
        path: PathBuf,
        /// Bytes.
        size: u64,
    },
}

impl Content {
    /// A file, as long as it is now.
    pub fn file(path: &Path) -> Result<Content> {
        let metadata = fs::metadata(path).map_err(Error::io("read", path))?;
        if !metadata.is_file() {
            return Err(Error::wrong(path, "is not a file"));
        }
        Ok(Content::File {
            path: path.to_owned(),
            size: metadata.len(),
        })
    }

    /// How many bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Zeros(size) => *size,
            Content::File { size, .. } => *size,
        }
    }

    /// Adds the bytes to a hash.
    pub fn hash(&self, into: &mut Sha256) -> Result<()> {
        match self {
            Content::Bytes(bytes) => into.update(bytes),
            Content::Zeros(size) => {
                let zeros = [0; 4096];
                for at in (0..*size).step_by(zeros.len()) {
                    into.update(&zeros[..(*size - at).min(4096) as usize]);
                }
            }
            Content::File { path, .. } => hash_file(path, into)?,
        }
        Ok(())
    }
}

fn hash_file(path: &Path, into: &mut Sha256) -> Result<()> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece).map_err(Error::io("read", path))? {
            0 => return Ok(()),
            used => into.update(&piece[..used]),
        }
    }
}

/// Content and its place in an image, in bytes.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Its first byte's.
    pub at: u64,
    /// What goes there.
    pub content: Content,
}
