//! Builds a ROMFS image from a folder, and opens one.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use romfs::writer::{Piece, RomfsLayout, seal};
use romfs::{NodeKind, Romfs, RomfsEntry};

use crate::output::Output;
use crate::{PackError, Progress, Result, tree};

/// Summary of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuiltInitrd {
    /// Number of files in the image.
    pub files: usize,
    /// Size of the image in bytes.
    pub bytes: u64,
}

/// Deepest folder nesting that readers of ROMFS follow.
const MAX_DEPTH: usize = 64;
/// Bytes collected before a write; they fit in a core's cache.
const GATHERED: usize = 1 << 18;
/// Number of buffers that may wait for the writer.
const BUFFERS: usize = 4;

/// Builds an image of `folder`; the output is a function of names, modes and content alone.
pub fn build(
    folder: &Path,
    to: &Path,
    label: &str,
    align: u64,
    progress: &mut Progress,
) -> Result<BuiltInitrd> {
    refuse_inside(folder, to)?;
    let tree = tree::read(folder, align)?;
    let layout = RomfsLayout::new(label, &tree.root)
        .map_err(|error| PackError::wrong(folder, error.to_string()))?;
    let output = Output::create(to)?.rebuildable();
    output.set_size(layout.size())?;
    write_pieces(
        output.file(),
        to,
        layout.pieces(),
        &tree.sources,
        &mut |done| progress(done, layout.size()),
    )?;
    write_sum(&output, to)?;
    output.commit()?;
    Ok(BuiltInitrd {
        files: tree.sources.len(),
        bytes: layout.size(),
    })
}

/// Rejects an output path inside the folder: a second build would include the first image.
fn refuse_inside(folder: &Path, to: &Path) -> Result<()> {
    let folder = fs::canonicalize(folder).map_err(PackError::io("read", folder))?;
    let parent = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match fs::canonicalize(parent) {
        Ok(parent) if parent.starts_with(&folder) => Err(PackError::wrong(
            to,
            "lies in the folder that it is made from, and would hold itself; name another place",
        )),
        _ => Ok(()),
    }
}

/// Writes the pieces in order. One thread reads and one writes: two threads that write to the same file would
/// wait for each other.
fn write_pieces(
    file: &File,
    to: &Path,
    pieces: &[Piece],
    sources: &[PathBuf],
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    thread::scope(|scope| {
        let (filled, to_write) = mpsc::sync_channel(BUFFERS);
        let (emptied, to_fill) = mpsc::channel();
        let reader = scope.spawn(move || read_pieces(pieces, sources, &filled, &to_fill));
        let mut at = 0;
        for buffer in to_write {
            let buffer: Vec<u8> = buffer;
            file.write_all_at(&buffer, at)
                .map_err(PackError::io("write", to))?;
            at += buffer.len() as u64;
            progress(at);
            // The reader thread may have ended already.
            let _ = emptied.send(buffer);
        }
        reader
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Reads pieces into buffers that the writer returns. A writer that failed returns none; then its error is
/// reported.
fn read_pieces(
    pieces: &[Piece],
    sources: &[PathBuf],
    filled: &SyncSender<Vec<u8>>,
    to_fill: &Receiver<Vec<u8>>,
) -> Result<()> {
    let fresh = || {
        let mut buffer = to_fill.try_recv().unwrap_or_default();
        buffer.clear();
        buffer.reserve(2 * GATHERED);
        buffer
    };
    let mut buffer = fresh();
    let pass_on = |buffer: &mut Vec<u8>| {
        let full = std::mem::replace(buffer, fresh());
        filled.send(full).is_ok()
    };
    for piece in pieces {
        match piece {
            Piece::Bytes(bytes) => buffer.extend_from_slice(bytes),
            Piece::Data { source, size } => {
                let path = &sources[*source];
                let mut file = File::open(path).map_err(PackError::io("read", path))?;
                let mut left = *size;
                while left > 0 {
                    let piece = left.min(GATHERED as u64);
                    let read = (&mut file)
                        .take(piece)
                        .read_to_end(&mut buffer)
                        .map_err(PackError::io("read", path))?;
                    if read as u64 != piece {
                        return Err(PackError::wrong(path, "has shrunk while it was read"));
                    }
                    left -= piece;
                    if buffer.len() >= GATHERED && !pass_on(&mut buffer) {
                        return Ok(());
                    }
                }
            }
        }
        if buffer.len() >= GATHERED && !pass_on(&mut buffer) {
            return Ok(());
        }
    }
    pass_on(&mut buffer);
    Ok(())
}

/// Writes the superblock's checksum last: it covers the data.
fn write_sum(output: &Output, to: &Path) -> Result<()> {
    let file = output.file();
    let bytes = file
        .metadata()
        .map_err(PackError::io("read", to))?
        .len()
        .min(512);
    let mut head = vec![0; bytes as usize];
    file.read_exact_at(&mut head, 0)
        .map_err(PackError::io("read", to))?;
    seal(&mut head);
    file.write_all_at(&head, 0)
        .map_err(PackError::io("write", to))
}

/// Opens an image that is in memory.
pub fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<Romfs<'a>> {
    Romfs::new(bytes)
        .map_err(|error| PackError::wrong(path, format!("is not a readable ROMFS image: {error}")))
}

/// Calls `see` for every entry below the root with its path, in image order.
pub fn each<'a>(
    romfs: &Romfs<'a>,
    see: &mut dyn FnMut(&[u8], &RomfsEntry<'a>) -> Result<()>,
) -> Result<()> {
    let root = romfs.root().map_err(damaged)?;
    // A header has at least 32 bytes, so more entries than that mean a loop.
    let mut left = romfs.size() / 32;
    below(romfs, root, &mut Vec::new(), &mut left, see)
}

fn below<'a>(
    romfs: &Romfs<'a>,
    entries: romfs::Entries<'a>,
    path: &mut Vec<u8>,
    left: &mut usize,
    see: &mut dyn FnMut(&[u8], &RomfsEntry<'a>) -> Result<()>,
) -> Result<()> {
    let depth = path.iter().filter(|&&byte| byte == b'/').count();
    for entry in entries {
        let entry = entry.map_err(damaged)?;
        *left = match left.checked_sub(1) {
            Some(left) if depth <= MAX_DEPTH => left,
            _ => return Err(damaged(romfs::RomfsError::BadHeader)),
        };
        if matches!(entry.name, b"." | b"..") {
            continue;
        }
        let parent = path.len();
        path.extend_from_slice(entry.name);
        see(path, &entry)?;
        if let NodeKind::Directory(_) = entry.kind {
            let children = romfs.entries(&entry).map_err(damaged)?;
            path.push(b'/');
            below(romfs, children, path, left, see)?;
        }
        path.truncate(parent);
    }
    Ok(())
}

pub(crate) fn damaged(error: romfs::RomfsError) -> PackError {
    PackError::Romfs(error)
}
