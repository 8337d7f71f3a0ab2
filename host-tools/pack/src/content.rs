//! What an image will hold, described before any byte is written.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crate::{PackError, Result};

/// Bytes in memory or in a file.
#[derive(Clone, Debug)]
pub enum Content {
    /// Bytes in memory. Shared, because an Image of many megabytes is in more than one list.
    Bytes(Arc<Vec<u8>>),
    /// Several extents, with zeros between them.
    Parts {
        /// Each with its offset from the first byte.
        parts: Arc<Vec<Extent>>,
        /// Size in bytes, gaps included.
        size: u64,
        /// CRC-32 of all of it, computed when it was assembled.
        sum: crc32fast::Hasher,
    },
    /// That many zeros: a hole in a new file, but data that a card must be given.
    Zeros(u64),
    /// The first `size` bytes of a file.
    File {
        /// Path of the file.
        path: PathBuf,
        /// Number of bytes to take.
        size: u64,
    },
}

impl Content {
    /// A whole file, at its current length.
    pub fn file(path: &Path) -> Result<Content> {
        let metadata = fs::metadata(path).map_err(PackError::io("read", path))?;
        if !metadata.is_file() {
            return Err(PackError::wrong(path, "is not a file"));
        }
        Ok(Content::File {
            path: path.to_owned(),
            size: metadata.len(),
        })
    }

    /// Bytes that are not shared with another list.
    pub fn bytes(bytes: Vec<u8>) -> Content {
        Content::Bytes(Arc::new(bytes))
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Parts { size, .. } => *size,
            Content::Zeros(size) => *size,
            Content::File { size, .. } => *size,
        }
    }

    /// Adds the content to a CRC-32.
    pub(crate) fn sum(&self, into: &mut crc32fast::Hasher) -> Result<()> {
        match self {
            Content::Bytes(bytes) => into.combine(&sum_of(bytes)),
            Content::Parts { sum, .. } => into.combine(sum),
            Content::Zeros(size) => {
                let zeros = [0; 4096];
                for at in (0..*size).step_by(zeros.len()) {
                    into.update(&zeros[..(*size - at).min(4096) as usize]);
                }
            }
            Content::File { path, size } => {
                let file = File::open(path).map_err(PackError::io("read", path))?;
                let mut piece = vec![0; (*size).min(1 << 16) as usize];
                let mut at = 0;
                while at < *size {
                    let piece = &mut piece[..(*size - at).min(1 << 16) as usize];
                    read_part(&file, piece, at, path, *size)?;
                    into.update(piece);
                    at += piece.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// CRC-32; two threads share a large buffer.
fn sum_of(bytes: &[u8]) -> crc32fast::Hasher {
    let one = |bytes: &[u8]| {
        let mut sum = crc32fast::Hasher::new();
        sum.update(bytes);
        sum
    };
    if bytes.len() < 1 << 20 {
        return one(bytes);
    }
    let (first, second) = bytes.split_at(bytes.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| one(second));
        let mut sum = one(first);
        sum.combine(
            &other
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        );
        sum
    })
}

/// Content and its offset in an image.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Offset of the first byte.
    pub at: u64,
    /// The bytes to write there.
    pub content: Content,
}

/// A source of an image's bytes: its file, or the extents it will be made of.
pub(crate) trait ReadAt {
    /// Fills `buffer` from offset `at`.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<()>;

    /// Passes `buffer.len()` bytes from offset `at` to `see`, through the buffer only where they are not in
    /// memory.
    fn see(&self, buffer: &mut [u8], at: u64, see: &mut dyn FnMut(&[u8])) -> Result<()> {
        self.read_at(buffer, at)?;
        see(buffer);
        Ok(())
    }
}

/// An open file, with its path for messages.
pub(crate) struct OnDisk<'a> {
    pub file: &'a File,
    pub path: &'a Path,
}

impl ReadAt for OnDisk<'_> {
    fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        let read = self.file.read_exact_at(buffer, at);
        read.map_err(PackError::io("read", self.path))
    }
}

/// An image before it is written: later extents cover earlier ones, gaps are zeros.
pub(crate) struct Planned<'a> {
    layers: Vec<(Layer<'a>, Option<File>)>,
}

/// An extent, or a part of one, at its offset in the image.
#[derive(Clone, Copy)]
struct Layer<'a> {
    at: u64,
    content: &'a Content,
}

impl<'a> Planned<'a> {
    pub fn new(extents: &'a [Extent]) -> Result<Planned<'a>> {
        let mut layers = Vec::new();
        add(&mut layers, extents, 0)?;
        Ok(Planned { layers })
    }
}

fn add<'a>(
    layers: &mut Vec<(Layer<'a>, Option<File>)>,
    extents: &'a [Extent],
    from: u64,
) -> Result<()> {
    for Extent { at, content } in extents {
        let at = from + at;
        let file = match content {
            Content::Parts { parts, .. } => {
                add(layers, parts, at)?;
                continue;
            }
            Content::File { path, .. } => {
                Some(File::open(path).map_err(PackError::io("read", path))?)
            }
            _ => None,
        };
        layers.push((Layer { at, content }, file));
    }
    Ok(())
}

impl ReadAt for Planned<'_> {
    fn see(&self, buffer: &mut [u8], at: u64, see: &mut dyn FnMut(&[u8])) -> Result<()> {
        match self.at_hand(at, buffer.len()) {
            Some(bytes) => see(bytes),
            None => {
                self.read_at(buffer, at)?;
                see(buffer);
            }
        }
        Ok(())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<()> {
        let end = at + buffer.len() as u64;
        let covers = |it: &Layer| it.at <= at && end <= it.at + it.content.size();
        if !self.layers.iter().any(|(layer, _)| covers(layer)) {
            buffer.fill(0);
        }
        for (extent, file) in &self.layers {
            let from = extent.at.max(at);
            let to = (extent.at + extent.content.size()).min(end);
            if from >= to {
                continue;
            }
            let part = &mut buffer[(from - at) as usize..(to - at) as usize];
            let within = from - extent.at;
            match (extent.content, file) {
                (Content::Bytes(bytes), _) => {
                    let within = within as usize;
                    part.copy_from_slice(&bytes[within..within + part.len()]);
                }
                (Content::File { path, size }, Some(file)) => {
                    read_part(file, part, within, path, *size)?;
                }
                _ => part.fill(0),
            }
        }
        Ok(())
    }
}

impl Planned<'_> {
    /// The bytes, if they are in memory, contiguous and not covered by another extent.
    fn at_hand(&self, at: u64, length: usize) -> Option<&[u8]> {
        let end = at + length as u64;
        let meets = |extent: &Layer| extent.at < end && at < extent.at + extent.content.size();
        let mut met = self.layers.iter().filter(|(extent, _)| meets(extent));
        let (extent, _) = met.next()?;
        let (None, Content::Bytes(bytes)) = (met.next(), extent.content) else {
            return None;
        };
        let from = usize::try_from(at.checked_sub(extent.at)?).ok()?;
        bytes.get(from..from + length)
    }
}

fn read_part(file: &File, part: &mut [u8], at: u64, path: &Path, size: u64) -> Result<()> {
    match file.read_exact_at(part, at) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(PackError::wrong(
            path,
            format!("has shrunk below its {size} bytes while it was read"),
        )),
        read => read.map_err(PackError::io("read", path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_extents_that_overlap_counts() {
        let extent = |at, content| Extent { at, content };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("part");
        fs::write(&path, b"file").unwrap();
        let extents = [
            extent(2, Content::bytes(vec![b'a'; 6])),
            extent(4, Content::Zeros(2)),
            extent(5, Content::file(&path).unwrap()),
        ];
        let planned = Planned::new(&extents).unwrap();
        let mut all = [b'?'; 12];
        planned.read_at(&mut all, 0).unwrap();
        assert_eq!(&all, b"\0\0aa\0file\0\0\0");
        for (at, length) in [(2, 2), (0, 12), (2, 3), (5, 4), (9, 3), (11, 1)] {
            let mut seen = Vec::new();
            let mut buffer = vec![b'?'; length];
            let mut see = |bytes: &[u8]| seen = bytes.to_vec();
            planned.see(&mut buffer, at, &mut see).unwrap();
            assert_eq!(
                seen,
                all[at as usize..at as usize + length],
                "{at} {length}"
            );
        }
        let mut some = [b'?'; 3];
        planned.read_at(&mut some, 6).unwrap();
        assert_eq!(&some, b"ile");
        fs::write(&path, b"fi").unwrap();
        let error = planned.read_at(&mut some, 6).unwrap_err().to_string();
        assert!(error.contains("has shrunk below its 4 bytes"), "{error}");
    }
}
