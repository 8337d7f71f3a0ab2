//! Extracts a ROMFS image into a folder: completely, or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use romfs::{NodeKind, Romfs, RomfsEntry};

use crate::initrd::{damaged, each};
use crate::{PackError, Result};

/// Summary of an extraction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extracted {
    /// Number of files; each hard link counts.
    pub files: usize,
    /// Entries that were not extracted, with their type: device nodes and sockets, which need privileges, and
    /// names that a folder cannot hold twice.
    pub left_out: Vec<(String, &'static str)>,
}

/// Writes every file of an image below folder `to`. Names with `..` or `/` are rejected before anything is
/// written; existing files are never overwritten. After an error, everything written is deleted again.
pub fn extract(romfs: &Romfs, to: &Path) -> Result<Extracted> {
    each(romfs, &mut |path, entry| {
        let name = entry.name;
        if name.is_empty() || name.contains(&b'/') {
            let path = String::from_utf8_lossy(path);
            return Err(PackError::UnsafeName(path.into_owned()));
        }
        Ok(())
    })?;
    let mut made = Made::default();
    made.folders(to).map_err(PackError::io("create", to))?;
    let mut extracted = Extracted::default();
    each(romfs, &mut |path, entry| {
        let place = &to.join(OsStr::from_bytes(path));
        let is_link = matches!(entry.kind, NodeKind::HardLink(_));
        let entry = romfs.resolve(*entry).map_err(damaged)?;
        let what = match entry.kind {
            NodeKind::Directory(_) if is_link => "another name of a directory",
            NodeKind::Directory(_) => {
                made.directory(place)
                    .map_err(PackError::io("create", place))?;
                return Ok(());
            }
            NodeKind::File => {
                extracted.files += 1;
                return made
                    .file(place, &entry)
                    .map_err(PackError::io("write", place));
            }
            NodeKind::SymbolicLink => {
                let target = OsStr::from_bytes(entry.data());
                return made
                    .link(target, place)
                    .map_err(PackError::io("create", place));
            }
            NodeKind::Block(_) => "a block device",
            NodeKind::Character(_) => "a character device",
            NodeKind::Socket => "a socket",
            NodeKind::Fifo => "a pipe",
            NodeKind::HardLink(_) => "a link that leads to a link",
        };
        let path = String::from_utf8_lossy(path).into_owned();
        extracted.left_out.push((path, what));
        Ok(())
    })?;
    made.keep();
    Ok(extracted)
}

/// Files and folders created so far; deleted in reverse order unless the extraction succeeds.
#[derive(Default)]
struct Made {
    paths: Vec<PathBuf>,
}

impl Made {
    /// Creates the folder and its missing parents.
    fn folders(&mut self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folders(parent)?;
        }
        self.directory(path)
    }

    /// Creates a folder. A symbolic link extracted before must not be followed out of the target.
    fn directory(&mut self, place: &Path) -> io::Result<()> {
        if fs::symlink_metadata(place).is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(());
        }
        fs::create_dir(place)?;
        self.paths.push(place.to_owned());
        Ok(())
    }

    /// Creates a file. An existing file or link is not written through.
    fn file(&mut self, place: &Path, entry: &RomfsEntry) -> io::Result<()> {
        let mode = if entry.executable { 0o755 } else { 0o644 };
        let mut options = File::options();
        options.write(true).create_new(true).mode(mode);
        let mut file = options.open(place)?;
        self.paths.push(place.to_owned());
        file.write_all(entry.data())
    }

    fn link(&mut self, target: &OsStr, place: &Path) -> io::Result<()> {
        symlink(target, place)?;
        self.paths.push(place.to_owned());
        Ok(())
    }

    fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.paths.iter().rev() {
            // A file that another process created in the folder stays, and so does the folder.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}
