//! A host folder as a tree for the ROMFS writer: sorted, so that the result does not depend on directory
//! order.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use romfs::NodeKind;
use romfs::writer::Node;

use crate::{PackError, Result};

/// A folder's content, and the source file of each number in it.
#[derive(Debug)]
pub struct FileTree {
    /// Entries of the root directory.
    pub root: Vec<(String, Node)>,
    /// Host path of each file; [`Node::File`]'s `source` is an index.
    pub sources: Vec<PathBuf>,
}

/// Programs are mapped in place, so they start at a page boundary.
const ELF_ALIGN: u64 = 4096;
/// Deepest folder nesting; the kernel's reader goes no deeper.
const MAX_DEPTH: usize = 63;

/// Reads a folder. Data is aligned to `align` bytes (a power of two), ELF files to 4 KiB at least.
pub fn read(folder: &Path, align: u64) -> Result<FileTree> {
    if !align.is_power_of_two() || align > 1 << 30 {
        return Err(PackError::BadAlignment(align));
    }
    let mut reader = TreeReader {
        align,
        sources: Vec::new(),
        linked: HashMap::new(),
    };
    let root = reader.directory(folder, 0)?;
    Ok(FileTree {
        root,
        sources: reader.sources,
    })
}

/// State of the walk through a folder.
struct TreeReader {
    align: u64,
    sources: Vec<PathBuf>,
    /// Number of each file with several hard links, by device and inode.
    linked: HashMap<(u64, u64), usize>,
}

impl TreeReader {
    fn directory(&mut self, folder: &Path, depth: usize) -> Result<Vec<(String, Node)>> {
        if depth > MAX_DEPTH {
            let what = format!("lies more than {MAX_DEPTH} folders deep, where no reader looks");
            return Err(PackError::wrong(folder, what));
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder).map_err(PackError::io("read", folder))? {
            let entry = entry.map_err(PackError::io("read", folder))?;
            let name = entry.file_name();
            let name = name
                .into_string()
                .map_err(|_| PackError::wrong(&entry.path(), "has a name that is not UTF-8"))?;
            entries.push((name, entry.path()));
        }
        entries.sort();
        entries
            .into_iter()
            .map(|(name, path)| Ok((name, self.node(&path, depth)?)))
            .collect()
    }

    fn node(&mut self, path: &Path, depth: usize) -> Result<Node> {
        let metadata = fs::symlink_metadata(path).map_err(PackError::io("read", path))?;
        let kind = metadata.file_type();
        Ok(if kind.is_dir() {
            Node::Directory(self.directory(path, depth + 1)?)
        } else if kind.is_symlink() {
            let target = fs::read_link(path).map_err(PackError::io("read", path))?;
            let target = target.into_os_string().into_string();
            Node::Link(
                target.map_err(|_| PackError::wrong(path, "points to a name that is not UTF-8"))?,
            )
        } else if kind.is_file() {
            self.file(path, &metadata)?
        } else if kind.is_fifo() {
            Node::Special(NodeKind::Fifo)
        } else if kind.is_socket() {
            Node::Special(NodeKind::Socket)
        } else {
            special(path, &metadata)?
        })
    }

    /// Reads a file; a second name of the same inode becomes a ROMFS hard link.
    fn file(&mut self, path: &Path, metadata: &Metadata) -> Result<Node> {
        if metadata.len() > u64::from(u32::MAX) {
            let size = metadata.len();
            return Err(PackError::wrong(
                path,
                format!("has {size} bytes; a ROMFS ends before 4 GiB"),
            ));
        }
        let number = self.sources.len();
        if metadata.nlink() > 1 {
            let own = (metadata.dev(), metadata.ino());
            if let Some(&first) = self.linked.get(&own) {
                return Ok(Node::HardLink(first));
            }
            self.linked.insert(own, number);
        }
        let align = if is_elf(path)? {
            self.align.max(ELF_ALIGN)
        } else {
            self.align
        };
        self.sources.push(path.to_owned());
        Ok(Node::File {
            source: number,
            size: metadata.len(),
            executable: metadata.mode() & 0o111 != 0,
            align,
        })
    }
}

fn is_elf(path: &Path) -> Result<bool> {
    let mut magic = [0; 4];
    let mut file = File::open(path).map_err(PackError::io("read", path))?;
    let used = file.read(&mut magic).map_err(PackError::io("read", path))?;
    Ok(magic[..used] == *b"\x7fELF")
}

/// Converts a device node; Linux has 12 and 20 bits for its numbers, ROMFS 16 each.
fn special(path: &Path, metadata: &Metadata) -> Result<Node> {
    let number = metadata.rdev();
    let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
    if major > 0xffff || minor > 0xffff {
        return Err(PackError::wrong(
            path,
            format!("is device {major}:{minor}; ROMFS has numbers up to 65535"),
        ));
    }
    let packed = major << 16 | minor;
    Ok(Node::Special(if metadata.file_type().is_block_device() {
        NodeKind::Block(packed)
    } else {
        NodeKind::Character(packed)
    }))
}
