//! A folder on the desk as a tree for the ROMFS writer: sorted, so that the disk it lies on
//! does not matter.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use romfs::Kind;
use romfs::writer::Node;

use crate::{Error, Result};

/// A folder's content, and the files that the nodes number.
#[derive(Debug)]
pub struct Tree {
    /// What the root directory holds.
    pub root: Vec<(String, Node)>,
    /// The file that [`Node::File`]'s `source` means.
    pub sources: Vec<PathBuf>,
}

/// Programs are mapped page by page from where they lie.
const ELF_ALIGN: u64 = 4096;

/// Reads a folder. Data is aligned to `align` bytes (a power of two), ELF files to 4 KiB at
/// least.
pub fn read(folder: &Path, align: u64) -> Result<Tree> {
    if !align.is_power_of_two() || align > 1 << 30 {
        return Err(Error::Refused(format!(
            "alignment {align} is not a power of two up to 1 GiB"
        )));
    }
    let mut tree = Tree {
        root: Vec::new(),
        sources: Vec::new(),
    };
    tree.root = directory(folder, align, &mut tree.sources)?;
    Ok(tree)
}

fn directory(folder: &Path, align: u64, sources: &mut Vec<PathBuf>) -> Result<Vec<(String, Node)>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let entry = entry.map_err(Error::io("read", folder))?;
        let name = entry.file_name();
        let name = name
            .into_string()
            .map_err(|_| Error::wrong(&entry.path(), "has a name that is not UTF-8"))?;
        entries.push((name, entry.path()));
    }
    entries.sort();
    entries
        .into_iter()
        .map(|(name, path)| node(name, &path, align, sources))
        .collect()
}

fn node(
    name: String,
    path: &Path,
    align: u64,
    sources: &mut Vec<PathBuf>,
) -> Result<(String, Node)> {
    let metadata = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
    let kind = metadata.file_type();
    let node = if kind.is_dir() {
        Node::Directory(directory(path, align, sources)?)
    } else if kind.is_symlink() {
        let target = fs::read_link(path).map_err(Error::io("read", path))?;
        let target = target.into_os_string().into_string();
        Node::Link(target.map_err(|_| Error::wrong(path, "points to a name that is not UTF-8"))?)
    } else if kind.is_file() {
        file(path, &metadata, align, sources)?
    } else if kind.is_fifo() {
        Node::Special(Kind::Fifo)
    } else if kind.is_socket() {
        Node::Special(Kind::Socket)
    } else {
        // Linux' own encoding of 12 and 20 bits; ROMFS has 16 and 16.
        let number = metadata.rdev();
        let major = (number >> 8 & 0xfff) as u32;
        let minor = (number & 0xff | number >> 12 & 0xf_ff00) as u32;
        let packed = major << 16 | minor & 0xffff;
        Node::Special(if kind.is_block_device() {
            Kind::Block(packed)
        } else {
            Kind::Character(packed)
        })
    };
    Ok((name, node))
}

fn file(path: &Path, metadata: &Metadata, align: u64, sources: &mut Vec<PathBuf>) -> Result<Node> {
    let mut magic = [0; 4];
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let used = file.read(&mut magic).map_err(Error::io("read", path))?;
    let align = if magic[..used] == *b"\x7fELF" {
        align.max(ELF_ALIGN)
    } else {
        align
    };
    sources.push(path.to_owned());
    Ok(Node::File {
        source: sources.len() - 1,
        size: metadata.len(),
        executable: metadata.mode() & 0o111 != 0,
        align,
    })
}
