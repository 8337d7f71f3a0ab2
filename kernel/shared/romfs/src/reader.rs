//! The reader, which borrows from the image.

use core::fmt;

/// Limit of consecutive hard links.
const MAX_LINKS: usize = 8;
/// Limit of nested directories.
const MAX_DEPTH: usize = 64;
/// First eight bytes of an image.
const MAGIC: &[u8; 8] = b"-rom1fs-";

/// Why an image or a path could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RomfsError {
    /// The magic is missing.
    NotRomfs,
    /// The stated size is larger than the image, or smaller than the superblock.
    Truncated,
    /// The superblock's checksum is wrong.
    BadChecksum,
    /// A header is outside of the image, its name has no end, or links form a loop.
    BadHeader,
    /// No entry with that name.
    NotFound,
}

impl fmt::Display for RomfsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RomfsError::NotRomfs => "it does not begin with -rom1fs-",
            RomfsError::Truncated => "it is shorter than it says",
            RomfsError::BadChecksum => "the superblock's checksum is wrong",
            RomfsError::BadHeader => "a file header is damaged",
            RomfsError::NotFound => "no such file",
        })
    }
}

impl core::error::Error for RomfsError {}

/// Type of a file header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Another name of the header at this offset.
    HardLink(usize),
    /// A directory with its first entry at this offset.
    Directory(usize),
    /// A regular file.
    File,
    /// A symbolic link; its data is the path.
    SymbolicLink,
    /// A block device; major number in the upper 16 bits, minor in the lower.
    Block(u32),
    /// A character device, numbered like a block device.
    Character(u32),
    /// A socket, without data.
    Socket,
    /// A named pipe, without data.
    Fifo,
}

/// A ROMFS image.
#[derive(Clone, Copy, Debug)]
pub struct Romfs<'a> {
    bytes: &'a [u8],
}

/// A file header.
#[derive(Clone, Copy, Debug)]
pub struct RomfsEntry<'a> {
    bytes: &'a [u8],
    header: usize,
    next: usize,
    /// Type, with the type's value.
    pub kind: NodeKind,
    /// Whether the x bit is set.
    pub executable: bool,
    /// Name as bytes, usually UTF-8.
    pub name: &'a [u8],
    offset: usize,
    size: usize,
}

impl<'a> Romfs<'a> {
    /// Checks the superblock only: its length, and the checksum over its first 512 bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Romfs<'a>, RomfsError> {
        if !bytes.starts_with(MAGIC) {
            return Err(RomfsError::NotRomfs);
        }
        let size = word(bytes, 8).ok_or(RomfsError::Truncated)? as usize;
        if size > bytes.len() || size < 32 {
            return Err(RomfsError::Truncated);
        }
        let image = Romfs {
            bytes: &bytes[..size],
        };
        let summed = &image.bytes[..size.min(512)];
        if sum(summed) != 0 {
            return Err(RomfsError::BadChecksum);
        }
        Ok(image)
    }

    /// Size in bytes from the superblock, without padding at the end.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The volume name.
    pub fn label(&self) -> Result<&'a [u8], RomfsError> {
        name(self.bytes, 16).map(|(name, _)| name)
    }

    /// The entries of the root directory.
    pub fn root(&self) -> Result<Entries<'a>, RomfsError> {
        let (_, first) = name(self.bytes, 16)?;
        Ok(Entries::new(self.bytes, first))
    }

    /// The entries of a directory; `NotFound` for another type.
    pub fn entries(&self, directory: &RomfsEntry<'a>) -> Result<Entries<'a>, RomfsError> {
        match directory.kind {
            NodeKind::Directory(first) => Ok(Entries::new(self.bytes, first)),
            _ => Err(RomfsError::NotFound),
        }
    }

    /// The entry at a path such as `bin/sh`; hard links are followed.
    pub fn lookup(&self, path: &str) -> Result<RomfsEntry<'a>, RomfsError> {
        let mut entries = self.root()?;
        let mut words = path.split('/').filter(|word| !word.is_empty()).peekable();
        while let Some(word) = words.next() {
            let entry = self.resolve(find(entries, word.as_bytes())?)?;
            if words.peek().is_none() {
                return Ok(entry);
            }
            entries = self.entries(&entry)?;
        }
        Err(RomfsError::NotFound)
    }

    /// The entry with that name in a directory; hard links are followed.
    pub fn lookup_below(
        &self,
        directory: &RomfsEntry<'a>,
        name: &str,
    ) -> Result<RomfsEntry<'a>, RomfsError> {
        self.resolve(find(self.entries(directory)?, name.as_bytes())?)
    }

    /// Reads every header once: checksums, bounds, and the end of each directory.
    pub fn check(&self) -> Result<(), RomfsError> {
        let mut left = self.bytes.len() / 32;
        self.check_below(self.root()?, &mut left, MAX_DEPTH)
    }

    fn check_below(
        &self,
        entries: Entries<'a>,
        left: &mut usize,
        depth: usize,
    ) -> Result<(), RomfsError> {
        if depth == 0 {
            return Err(RomfsError::BadHeader);
        }
        for entry in entries {
            let entry = entry?;
            *left = left.checked_sub(1).ok_or(RomfsError::BadHeader)?;
            if sum(&self.bytes[entry.header..entry.offset]) != 0 {
                return Err(RomfsError::BadChecksum);
            }
            match entry.kind {
                NodeKind::HardLink(_) => drop(self.resolve(entry)?),
                // The root's first entry is the root itself.
                NodeKind::Directory(first) if entry.header != first => {
                    self.check_below(Entries::new(self.bytes, first), left, depth - 1)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Follows hard links to a header of another type.
    pub fn resolve(&self, mut entry: RomfsEntry<'a>) -> Result<RomfsEntry<'a>, RomfsError> {
        for _ in 0..MAX_LINKS {
            match entry.kind {
                NodeKind::HardLink(at) => entry = RomfsEntry::read(self.bytes, at)?,
                _ => return Ok(entry),
            }
        }
        Err(RomfsError::BadHeader)
    }
}

fn find<'a>(entries: Entries<'a>, wanted: &[u8]) -> Result<RomfsEntry<'a>, RomfsError> {
    for entry in entries {
        let entry = entry?;
        if entry.name == wanted {
            return Ok(entry);
        }
    }
    Err(RomfsError::NotFound)
}

impl<'a> RomfsEntry<'a> {
    fn read(bytes: &'a [u8], at: usize) -> Result<RomfsEntry<'a>, RomfsError> {
        let field = |offset| word(bytes, at.checked_add(offset)?);
        let (Some(next), Some(spec), Some(size)) = (field(0), field(4), field(8)) else {
            return Err(RomfsError::BadHeader);
        };
        let (name, offset) = name(bytes, at.checked_add(16).ok_or(RomfsError::BadHeader)?)?;
        let target = (spec & !15) as usize;
        let kind = match next & 7 {
            0 => NodeKind::HardLink(target),
            1 => NodeKind::Directory(target),
            2 => NodeKind::File,
            3 => NodeKind::SymbolicLink,
            4 => NodeKind::Block(spec),
            5 => NodeKind::Character(spec),
            6 => NodeKind::Socket,
            _ => NodeKind::Fifo,
        };
        let has_data = matches!(kind, NodeKind::File | NodeKind::SymbolicLink);
        let size = if has_data { size as usize } else { 0 };
        if offset.checked_add(size).is_none_or(|end| end > bytes.len()) {
            return Err(RomfsError::BadHeader);
        }
        let executable = next & 8 != 0;
        Ok(RomfsEntry {
            bytes,
            header: at,
            next: (next & !15) as usize,
            kind,
            executable,
            name,
            offset,
            size,
        })
    }

    /// File content; empty for a type without data.
    pub fn data(&self) -> &'a [u8] {
        &self.bytes[self.offset..self.offset + self.size]
    }

    /// Offset of the content in the image, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

/// Iterates over the entries of a directory, in image order.
#[derive(Clone, Debug)]
pub struct Entries<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Entries<'a> {
    fn new(bytes: &'a [u8], at: usize) -> Entries<'a> {
        // A header has at least 32 bytes, so a longer chain contains a loop.
        Entries {
            bytes,
            at,
            left: bytes.len() / 32,
        }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<RomfsEntry<'a>, RomfsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at == 0 {
            return None;
        }
        if self.left == 0 {
            self.at = 0;
            return Some(Err(RomfsError::BadHeader));
        }
        self.left -= 1;
        let entry = RomfsEntry::read(self.bytes, self.at);
        self.at = entry.map_or(0, |entry| entry.next);
        Some(entry)
    }
}

/// The sum of big-endian words; a partial word is padded with zeros.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0u32, |sum, chunk| {
        let mut four = [0; 4];
        four[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(four))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

/// The name at `at`, and the next multiple of 16 after its zero.
fn name(bytes: &[u8], at: usize) -> Result<(&[u8], usize), RomfsError> {
    let rest = bytes.get(at..).ok_or(RomfsError::BadHeader)?;
    let length = rest
        .iter()
        .take(256)
        .position(|&byte| byte == 0)
        .ok_or(RomfsError::BadHeader)?;
    Ok((&rest[..length], (at + length + 16) & !15))
}
