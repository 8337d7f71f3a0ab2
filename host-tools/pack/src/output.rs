//! Files that appear whole or not at all.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::content::{Content, Extent};
use crate::{Error, Progress, Result};

/// A file in the making, beside its final place. Dropped without [`Output::commit`], it is gone.
#[derive(Debug)]
pub struct Output {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    committed: bool,
}

impl Output {
    /// Begins a file that will be at `path`; a file that is there stays until the end. What is
    /// there and no file, such as a card's device or /dev/null, is refused: it would be gone.
    pub fn create(path: &Path) -> Result<Output> {
        let path = &place(path)?;
        let name = path
            .file_name()
            .ok_or_else(|| Error::wrong(path, "is not a file name"))?;
        let mut partial_name = std::ffi::OsString::from(".");
        partial_name.push(name);
        partial_name.push(format!(".{}.partial", std::process::id()));
        let partial = path.with_file_name(partial_name);
        let options = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&partial);
        let file = options.map_err(Error::io("create", path))?;
        Ok(Output {
            file,
            partial,
            path: path.to_owned(),
            committed: false,
        })
    }

    /// The file itself.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it as long as `size`, the new part a hole.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.file
            .set_len(size)
            .map_err(Error::io("write", &self.path))
    }

    /// Writes extents where they belong; what lies between stays a hole, and so do zeros.
    pub fn write(&self, extents: &[Extent], progress: &mut Progress) -> Result<()> {
        let total = extents.iter().map(|extent| extent.content.size()).sum();
        let mut done = 0;
        for extent in extents {
            match &extent.content {
                Content::Bytes(bytes) => {
                    self.file
                        .write_all_at(bytes, extent.at)
                        .map_err(Error::io("write", &self.path))?;
                }
                Content::Zeros(_) => {}
                Content::File { path, size } => self.copy(path, *size, extent.at)?,
            }
            done += extent.content.size();
            progress(done, total);
        }
        Ok(())
    }

    /// Copies a file by the kernel's own means where it has them.
    fn copy(&self, from: &Path, size: u64, at: u64) -> Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let source = File::open(from).map_err(Error::io("read", from))?;
        (&self.file)
            .seek(SeekFrom::Start(at))
            .map_err(Error::io("write", &self.path))?;
        let copied = std::io::copy(&mut source.take(size), &mut &self.file)
            .map_err(Error::io("copy", from))?;
        if copied != size {
            return Err(Error::wrong(
                from,
                format!("has shrunk to {copied} of {size} bytes while it was read"),
            ));
        }
        Ok(())
    }

    /// Puts the finished file in its place.
    pub fn commit(mut self) -> Result<()> {
        // Where the old file is, the two change places: some systems write a file to the disk
        // before it may replace another, and whoever builds would wait for that.
        if renameat_with(CWD, &self.partial, CWD, &self.path, RenameFlags::EXCHANGE).is_err() {
            fs::rename(&self.partial, &self.path).map_err(Error::io("create", &self.path))?;
            self.committed = true;
        }
        Ok(())
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if !self.committed {
            // It is the old file, or a part of the new one; whatever went wrong before is the error
            // worth telling.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Where a link leads to; the path itself where nothing is yet.
fn place(path: &Path) -> Result<PathBuf> {
    let Ok(metadata) = fs::metadata(path) else {
        return Ok(path.to_owned());
    };
    if !metadata.is_file() {
        let what = if metadata.is_dir() {
            "is a folder; name a file in it"
        } else {
            "is no file; name one, and write it onto a card with `pagewalk flash`"
        };
        return Err(Error::wrong(path, what));
    }
    fs::canonicalize(path).map_err(Error::io("create", path))
}

/// Writes a small file whole.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let output = Output::create(path)?;
    output
        .file
        .write_all_at(bytes, 0)
        .map_err(Error::io("write", path))?;
    output.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_abandoned_file_leaves_nothing_and_the_old_one_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.img");
        write(&path, b"old").unwrap();
        let output = Output::create(&path).unwrap();
        output
            .write(
                &[Extent {
                    at: 0,
                    content: Content::bytes(b"new".to_vec()),
                }],
                &mut |_, _| {},
            )
            .unwrap();
        drop(output);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_files_are_replaced_and_links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("card.img"), folder.path().join("link"));
        write(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // As a device would: it must stay what it is.
        let socket = folder.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for wrong in [&*socket, folder.path()] {
            let error = write(wrong, b"new").unwrap_err().to_string();
            assert!(error.contains("name "), "{error}");
        }
        assert!(!fs::metadata(&socket).unwrap().is_file());
    }
}
