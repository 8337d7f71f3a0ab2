//! Copies content into an output: extents, whole files, holes.

use std::fs::File;
use std::io::{self, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{SeekFrom, copy_file_range, ioctl_ficlone, seek};
use rustix::io::Errno;

use super::Output;
use crate::content::{Content, Extent};
use crate::{PackError, Result};

impl Output {
    pub(super) fn write_at(
        &self,
        extents: &[Extent],
        from: u64,
        wrote: &mut dyn FnMut(u64),
    ) -> Result<()> {
        for extent in extents {
            let at = from + extent.at;
            match &extent.content {
                Content::Parts { parts, .. } => {
                    self.write_at(parts, at, wrote)?;
                    continue;
                }
                Content::Bytes(bytes) => {
                    self.file
                        .write_all_at(bytes, at)
                        .map_err(PackError::io("write", &self.path))?;
                }
                Content::Zeros(_) => {}
                Content::File { path, size } => self.copy(path, *size, at)?,
            }
            wrote(extent.content.size());
        }
        Ok(())
    }

    /// Copies `size` bytes of a file to offset `at`, with copy_file_range where it works.
    fn copy(&self, from: &Path, size: u64, at: u64) -> Result<()> {
        use std::io::Read;
        let source = File::open(from).map_err(PackError::io("read", from))?;
        (&self.file)
            .seek(io::SeekFrom::Start(at))
            .map_err(PackError::io("write", &self.path))?;
        let copied = io::copy(&mut source.take(size), &mut &self.file)
            .map_err(PackError::io("copy", from))?;
        if copied != size {
            return Err(PackError::wrong(
                from,
                format!("has shrunk to {copied} of {size} bytes while it was read"),
            ));
        }
        Ok(())
    }

    /// Copies a whole file; holes stay holes, and file systems with shared extents copy no data.
    pub fn copy_of(&self, source: &File, from: &Path) -> Result<()> {
        let size = source
            .metadata()
            .map_err(PackError::io("read", from))?
            .len();
        if ioctl_ficlone(&self.file, source).is_ok() {
            return Ok(());
        }
        self.set_size(size)?;
        let mut at = 0;
        while at < size {
            let data = match seek(source, SeekFrom::Data(at)) {
                Ok(data) => data,
                // Only a hole follows.
                Err(Errno::NXIO) => break,
                // This file system does not report holes.
                Err(_) => at,
            };
            let end = seek(source, SeekFrom::Hole(data)).map_or(size, |end| end.min(size));
            self.copy_span(source, from, data, end)?;
            at = end.max(at + 1);
        }
        Ok(())
    }

    fn copy_span(&self, source: &File, from: &Path, at: u64, end: u64) -> Result<()> {
        let failed = |error: Errno| PackError::io("write", &self.path)(error.into());
        let (mut read_at, mut write_at) = (at, at);
        while read_at < end {
            let left = usize::try_from(end - read_at).unwrap_or(usize::MAX);
            let (read, write) = (Some(&mut read_at), Some(&mut write_at));
            match copy_file_range(source, read, &self.file, write, left) {
                Ok(0) => return Err(PackError::wrong(from, "has shrunk while it was read")),
                Ok(_) => {}
                // Source and target are on two file systems, or on one without copy_file_range.
                Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                    return self.copy_by_hand(source, from, read_at, end);
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    fn copy_by_hand(&self, source: &File, from: &Path, at: u64, end: u64) -> Result<()> {
        const PIECE: u64 = 1 << 20;
        let mut piece = vec![0; (end - at).min(PIECE) as usize];
        for at in (at..end).step_by(PIECE as usize) {
            let piece = &mut piece[..(end - at).min(PIECE) as usize];
            source
                .read_exact_at(piece, at)
                .map_err(PackError::io("read", from))?;
            self.file
                .write_all_at(piece, at)
                .map_err(PackError::io("write", &self.path))?;
        }
        Ok(())
    }
}
