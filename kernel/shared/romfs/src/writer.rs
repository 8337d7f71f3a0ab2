//! Laying an image out. The data of files is never held: the caller copies it
//! to where the layout says.
//!
//! The order is the caller's and nothing else decides a byte: no time, no host
//! path, no order of a directory on some disk.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::Kind;
use crate::reader::sum;

/// The longest name that Linux reads, in bytes.
pub const MAX_NAME: usize = 127;
const BORDER: u64 = 16;
/// An image's length is a multiple of this.
const BLOCK: u64 = 1024;

/// What a directory is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// More entries, in the order they shall have.
    Directory(Vec<(String, Node)>),
    /// Data of that many bytes; `source` is the caller's own number for it.
    File {
        /// What [`Piece::Data`] will name.
        source: usize,
        /// Bytes.
        size: u64,
        /// The x bit.
        executable: bool,
        /// Its data begins at a multiple of this (a power of two, 16 at least).
        align: u64,
    },
    /// A symbolic link.
    Link(String),
    /// A device, pipe or socket: any kind that has no data.
    Special(Kind),
}

/// A run of bytes of the image; runs follow each other without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The file with this number, that many bytes of it.
    Data {
        /// As in [`Node::File`].
        source: usize,
        /// Bytes.
        size: u64,
    },
}

/// Why there can be no such image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A name longer than [`MAX_NAME`], empty, or with a `/` or a zero in it.
    BadName(String),
    /// The image would reach 4 GiB, which its 32-bit numbers cannot say.
    TooBig(u64),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WriteError::BadName(name) => {
                write!(
                    f,
                    "name `{name}` has {} bytes; a ROMFS name has 1 to {MAX_NAME}, without `/`",
                    name.len()
                )
            }
            WriteError::TooBig(bytes) => {
                write!(f, "{bytes} bytes do not fit: a ROMFS ends before 4 GiB")
            }
        }
    }
}

impl core::error::Error for WriteError {}

/// An image, laid out.
#[derive(Debug)]
pub struct Layout {
    pieces: Vec<Piece>,
    size: u64,
}

impl Layout {
    /// Lays out a root directory.
    pub fn new(label: &str, root: &[(String, Node)]) -> Result<Layout, WriteError> {
        let mut places = Places {
            headers: Vec::new(),
            at: BORDER + name_bytes(label),
        };
        let dot = places.at;
        // The root's own header is its first entry and points to itself.
        places.directory(root, dot, dot, DIRECTORY)?;
        if places.at > u64::from(u32::MAX) - BLOCK {
            return Err(WriteError::TooBig(places.at));
        }
        let mut emit = Emit {
            pieces: Vec::new(),
            bytes: Vec::new(),
            at: 0,
        };
        emit.put(b"-rom1fs-");
        emit.put(&(places.at as u32).to_be_bytes());
        emit.put(&[0; 4]);
        emit.name(label);
        for header in &places.headers {
            emit.header(header);
        }
        let size = places.at.next_multiple_of(BLOCK);
        emit.fill_to(size);
        emit.flush();
        Ok(Layout {
            pieces: emit.pieces,
            size,
        })
    }

    /// The runs of bytes, from the first to the last of the image. The superblock's sum is
    /// still missing: see [`seal`].
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Length of the image in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Writes the superblock's sum into the image's first 512 bytes (or all, if it is shorter):
/// it covers data too, so it can only be known when that is there.
pub fn seal(head: &mut [u8]) {
    if head.len() < 16 {
        return;
    }
    head[12..16].fill(0);
    let used = head.len().min(512);
    let missing = sum(&head[..used]).wrapping_neg();
    head[12..16].copy_from_slice(&missing.to_be_bytes());
}

/// A header and where it goes.
struct Header<'a> {
    at: u64,
    next: u64,
    kind: u32,
    spec: u64,
    name: &'a str,
    content: Content<'a>,
}

enum Content<'a> {
    None,
    Text(&'a str),
    Data { source: usize, size: u64 },
}

const HARD_LINK: u32 = 0;
const DIRECTORY: u32 = 1 | EXECUTABLE;
const FILE: u32 = 2;
const LINK: u32 = 3;
const EXECUTABLE: u32 = 8;

/// First pass: where everything goes.
struct Places<'a> {
    headers: Vec<Header<'a>>,
    at: u64,
}

impl<'a> Places<'a> {
    /// The entries of a directory whose header lies at `own`: first `.`, of kind `dot`, then
    /// `..` and the children.
    fn directory(
        &mut self,
        children: &'a [(String, Node)],
        own: u64,
        parent: u64,
        dot: u32,
    ) -> Result<(), WriteError> {
        self.header(".", dot, own, Content::None, BORDER);
        let mut before = self.header("..", HARD_LINK, parent, Content::None, BORDER);
        self.headers[before - 1].next = self.headers[before].at;
        for (name, node) in children {
            if name.is_empty() || name.len() > MAX_NAME || name.contains(['/', '\0']) {
                return Err(WriteError::BadName(name.clone()));
            }
            let entry = self.entry(name, node, own)?;
            self.headers[before].next = self.headers[entry].at;
            before = entry;
        }
        Ok(())
    }

    fn entry(&mut self, name: &'a str, node: &'a Node, parent: u64) -> Result<usize, WriteError> {
        Ok(match node {
            Node::Directory(children) => {
                let entry = self.header(
                    name,
                    DIRECTORY,
                    self.at + BORDER + name_bytes(name),
                    Content::None,
                    BORDER,
                );
                let own = self.headers[entry].at;
                self.directory(children, own, parent, HARD_LINK)?;
                entry
            }
            Node::File {
                source,
                size,
                executable,
                align,
            } => {
                let kind = if *executable { FILE | EXECUTABLE } else { FILE };
                self.header(
                    name,
                    kind,
                    0,
                    Content::Data {
                        source: *source,
                        size: *size,
                    },
                    *align,
                )
            }
            Node::Link(target) => self.header(name, LINK, 0, Content::Text(target), BORDER),
            Node::Special(kind) => {
                let (kind, spec) = special(*kind);
                self.header(name, kind, spec.into(), Content::None, BORDER)
            }
        })
    }

    /// Its index. The content begins at a multiple of `align`.
    fn header(
        &mut self,
        name: &'a str,
        kind: u32,
        spec: u64,
        content: Content<'a>,
        align: u64,
    ) -> usize {
        let head = BORDER + name_bytes(name);
        let align = align.max(BORDER);
        let at = (self.at + head).next_multiple_of(align) - head;
        let size = match content {
            Content::None => 0,
            Content::Text(text) => text.len() as u64,
            Content::Data { size, .. } => size,
        };
        self.headers.push(Header {
            at,
            next: 0,
            kind,
            spec,
            name,
            content,
        });
        self.at = (at + head).saturating_add(size).saturating_add(BORDER - 1) / BORDER * BORDER;
        self.headers.len() - 1
    }
}

fn special(kind: Kind) -> (u32, u32) {
    match kind {
        Kind::Block(number) => (4, number),
        Kind::Character(number) => (5, number),
        Kind::Socket => (6, 0),
        // What has data has a node of its own.
        _ => (7, 0),
    }
}

/// Second pass: the bytes.
struct Emit {
    pieces: Vec<Piece>,
    bytes: Vec<u8>,
    at: u64,
}

impl Emit {
    fn put(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
    }

    fn fill_to(&mut self, at: u64) {
        let count = (at - self.at) as usize;
        self.bytes.resize(self.bytes.len() + count, 0);
        self.at = at;
    }

    fn name(&mut self, name: &str) {
        self.put(name.as_bytes());
        self.fill_to(self.at + name_bytes(name) - name.len() as u64);
    }

    fn flush(&mut self) {
        if !self.bytes.is_empty() {
            self.pieces
                .push(Piece::Bytes(core::mem::take(&mut self.bytes)));
        }
    }

    fn header(&mut self, header: &Header) {
        self.fill_to(header.at);
        let size = match header.content {
            Content::None => 0,
            Content::Text(text) => text.len() as u64,
            Content::Data { size, .. } => size,
        };
        let from = self.bytes.len();
        self.put(&(header.next as u32 | header.kind).to_be_bytes());
        self.put(&(header.spec as u32).to_be_bytes());
        self.put(&(size as u32).to_be_bytes());
        self.put(&[0; 4]);
        self.name(header.name);
        let sum = sum(&self.bytes[from..]).wrapping_neg();
        self.bytes[from + 12..from + 16].copy_from_slice(&sum.to_be_bytes());
        match header.content {
            Content::None => {}
            Content::Text(text) => self.put(text.as_bytes()),
            Content::Data { size: 0, .. } => {}
            Content::Data { source, size } => {
                self.flush();
                self.pieces.push(Piece::Data { source, size });
                self.at += size;
            }
        }
        self.fill_to(self.at.next_multiple_of(BORDER));
    }
}

/// Bytes that a name takes: its zero, and what fills the border.
fn name_bytes(name: &str) -> u64 {
    (name.len() as u64 + 1).next_multiple_of(BORDER)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;
    use crate::{Error, Romfs};

    fn image(label: &str, root: &[(String, Node)], data: &[&[u8]]) -> Vec<u8> {
        let layout = Layout::new(label, root).unwrap();
        let mut image = Vec::new();
        for piece in layout.pieces() {
            match piece {
                Piece::Bytes(bytes) => image.extend_from_slice(bytes),
                Piece::Data { source, size } => {
                    assert_eq!(data[*source].len() as u64, *size);
                    image.extend_from_slice(data[*source]);
                }
            }
        }
        seal(&mut image);
        assert_eq!(image.len() as u64, layout.size());
        image
    }

    fn file(source: usize, size: usize, align: u64) -> Node {
        Node::File {
            source,
            size: size as u64,
            executable: false,
            align,
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let program = [7u8; 5000];
        let root = vec![
            (
                "bin".to_string(),
                Node::Directory(vec![
                    ("sh".to_string(), file(0, 5000, 4096)),
                    ("a".to_string(), file(1, 3, 16)),
                ]),
            ),
            ("link".to_string(), Node::Link("bin/sh".to_string())),
            (
                "null".to_string(),
                Node::Special(Kind::Character(1 << 16 | 3)),
            ),
            ("empty".to_string(), file(2, 0, 16)),
        ];
        let image = image("test", &root, &[&program, b"abc", b""]);
        let romfs = Romfs::new(&image).unwrap();
        assert_eq!(romfs.label(), Ok(&b"test"[..]));
        let sh = romfs.lookup("bin/sh").unwrap();
        assert_eq!((sh.data(), sh.offset() % 4096), (&program[..], 0));
        assert_eq!(romfs.lookup("bin/../bin/./a").unwrap().data(), b"abc");
        assert_eq!(romfs.lookup("link").unwrap().data(), b"bin/sh");
        assert_eq!(
            romfs.lookup("null").unwrap().kind,
            Kind::Character(1 << 16 | 3)
        );
        assert_eq!(romfs.lookup("empty").unwrap().data(), b"");
        assert_eq!(romfs.lookup("bin/zsh").unwrap_err(), Error::NotFound);
        let names: Vec<_> = romfs
            .root()
            .unwrap()
            .map(|entry| entry.unwrap().name)
            .collect();
        assert_eq!(
            names,
            [&b"."[..], b"..", b"bin", b"link", b"null", b"empty"]
        );
        assert_eq!(romfs.check(), Ok(()));
    }

    #[test]
    fn names_that_linux_could_not_read_are_refused() {
        for name in ["", "a/b", "a\0b", &"x".repeat(128)] {
            let root = [(name.to_string(), file(0, 0, 16))];
            assert_eq!(
                Layout::new("", &root).unwrap_err(),
                WriteError::BadName(name.to_string())
            );
        }
        let longest = "x".repeat(127);
        let image = image("", &[(longest.clone(), file(0, 1, 16))], &[b"!"]);
        assert_eq!(
            Romfs::new(&image).unwrap().lookup(&longest).unwrap().data(),
            b"!"
        );
    }

    #[test]
    fn four_gib_are_too_many() {
        let root = [(
            "big".to_string(),
            Node::File {
                source: 0,
                size: 1 << 32,
                executable: false,
                align: 16,
            },
        )];
        assert!(matches!(Layout::new("", &root), Err(WriteError::TooBig(_))));
    }
}
