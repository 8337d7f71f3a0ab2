//! The writer computes the layout only; the caller copies file content to its place.
//!
//! The output depends on the caller's order alone: not on time, host paths or directory order on disk.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::NodeKind;
use crate::reader::sum;

/// Longest name that Linux reads, in bytes; also the limit of the label.
pub const MAX_NAME: usize = 127;
const BORDER: u64 = 16;
/// Alignment of an image's length, in bytes.
const BLOCK: u64 = 1024;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory, with its entries in order.
    Directory(Vec<(String, Node)>),
    /// A file; `source` is the caller's number for its content.
    File {
        /// The number that [`Piece::Data`] returns.
        source: usize,
        /// Size in bytes.
        size: u64,
        /// Whether to set the x bit.
        executable: bool,
        /// Alignment of the content in bytes: a power of two, at least 16.
        align: u64,
    },
    /// Another name of the file with this `source`, which must come first.
    HardLink(usize),
    /// A symbolic link to this path.
    Link(String),
    /// A device, pipe or socket: a type without data.
    Special(NodeKind),
}

/// A run of the image's bytes; runs are contiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the image.
    Bytes(Vec<u8>),
    /// Content of the file with this number.
    Data {
        /// The number from [`Node::File`].
        source: usize,
        /// Size in bytes.
        size: u64,
    },
}

/// Why a layout is impossible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// A name longer than [`MAX_NAME`], empty, `.` or `..`, or one that contains `/` or a zero.
    BadName(String),
    /// A label longer than [`MAX_NAME`], or one that contains a zero.
    BadLabel(String),
    /// A hard link to a file that does not precede it.
    NoTarget(String),
    /// The image would reach 4 GiB, the limit of its 32-bit numbers.
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
            WriteError::BadLabel(label) => write!(
                f,
                "label `{label}` has {} bytes; a ROMFS label has at most {MAX_NAME}, and no zero",
                label.len()
            ),
            WriteError::NoTarget(name) => {
                write!(f, "`{name}` links to a file that does not come before it")
            }
            WriteError::TooBig(bytes) => {
                write!(
                    f,
                    "{bytes} bytes and more do not fit: a ROMFS ends before 4 GiB"
                )
            }
        }
    }
}

impl core::error::Error for WriteError {}

/// The layout of an image.
#[derive(Debug)]
pub struct RomfsLayout {
    pieces: Vec<Piece>,
    size: u64,
}

impl RomfsLayout {
    /// Computes the layout of a root directory.
    pub fn new(label: &str, root: &[(String, Node)]) -> Result<RomfsLayout, WriteError> {
        if label.len() > MAX_NAME || label.contains('\0') {
            return Err(WriteError::BadLabel(label.into()));
        }
        let mut places = Places {
            headers: Vec::new(),
            files: BTreeMap::new(),
            at: BORDER + name_bytes(label),
        };
        let dot = places.at;
        // The root's own header is its first entry and points to itself.
        places.directory(root, dot, dot, DIRECTORY)?;
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
        Ok(RomfsLayout {
            pieces: emit.pieces,
            size,
        })
    }

    /// The runs of bytes in order. The superblock's checksum is still missing: see [`seal`].
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Size of the image in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Writes the superblock's checksum into the first 512 bytes of the image (or all, if it is shorter): it
/// covers file content, so it is computed last.
pub fn seal(head: &mut [u8]) {
    if head.len() < 16 {
        return;
    }
    head[12..16].fill(0);
    let used = head.len().min(512);
    let missing = sum(&head[..used]).wrapping_neg();
    head[12..16].copy_from_slice(&missing.to_be_bytes());
}

/// A header and its offset.
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

/// First pass: offsets.
struct Places<'a> {
    headers: Vec<Header<'a>>,
    /// Offset of the header of each `source`.
    files: BTreeMap<usize, u64>,
    at: u64,
}

impl<'a> Places<'a> {
    /// Places the entries of a directory whose header is at `own`: `.`, of kind `dot`, then `..` and the
    /// children.
    fn directory(
        &mut self,
        children: &'a [(String, Node)],
        own: u64,
        parent: u64,
        dot: u32,
    ) -> Result<(), WriteError> {
        self.header(".", dot, own, Content::None, BORDER)?;
        let mut before = self.header("..", HARD_LINK, parent, Content::None, BORDER)?;
        self.headers[before - 1].next = self.headers[before].at;
        for (name, node) in children {
            let is_own = matches!(&**name, "" | "." | "..");
            if is_own || name.len() > MAX_NAME || name.contains(['/', '\0']) {
                return Err(WriteError::BadName(name.clone()));
            }
            let entry = self.entry(name, node, own)?;
            self.headers[before].next = self.headers[entry].at;
            before = entry;
        }
        Ok(())
    }

    fn entry(&mut self, name: &'a str, node: &'a Node, parent: u64) -> Result<usize, WriteError> {
        match node {
            Node::Directory(children) => {
                let first = self.at + BORDER + name_bytes(name);
                let entry = self.header(name, DIRECTORY, first, Content::None, BORDER)?;
                let own = self.headers[entry].at;
                self.directory(children, own, parent, HARD_LINK)?;
                Ok(entry)
            }
            Node::File {
                source,
                size,
                executable,
                align,
            } => {
                let kind = if *executable { FILE | EXECUTABLE } else { FILE };
                let content = Content::Data {
                    source: *source,
                    size: *size,
                };
                let entry = self.header(name, kind, 0, content, *align)?;
                self.files.insert(*source, self.headers[entry].at);
                Ok(entry)
            }
            Node::HardLink(source) => {
                let target = self.files.get(source).copied();
                let target = target.ok_or_else(|| WriteError::NoTarget(name.into()))?;
                self.header(name, HARD_LINK, target, Content::None, BORDER)
            }
            Node::Link(target) => self.header(name, LINK, 0, Content::Text(target), BORDER),
            Node::Special(kind) => {
                let (kind, spec) = special(*kind);
                self.header(name, kind, spec.into(), Content::None, BORDER)
            }
        }
    }

    /// Places a header and returns its index. The content starts at a multiple of `align`.
    fn header(
        &mut self,
        name: &'a str,
        kind: u32,
        spec: u64,
        content: Content<'a>,
        align: u64,
    ) -> Result<usize, WriteError> {
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
        let end = (at + head).saturating_add(size);
        if end > u64::from(u32::MAX) - BLOCK {
            return Err(WriteError::TooBig(end));
        }
        self.at = end.next_multiple_of(BORDER);
        Ok(self.headers.len() - 1)
    }
}

fn special(kind: NodeKind) -> (u32, u32) {
    match kind {
        NodeKind::Block(number) => (4, number),
        NodeKind::Character(number) => (5, number),
        NodeKind::Socket => (6, 0),
        // Types with data have a node of their own.
        _ => (7, 0),
    }
}

/// Second pass: bytes.
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

/// Size of a name in bytes: its zero and the padding included.
fn name_bytes(name: &str) -> u64 {
    (name.len() as u64 + 1).next_multiple_of(BORDER)
}
