//! A file without a name, for content that is read at any offset.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::OFlags;

/// A run of zeros as long as this, at a multiple of it, is left a hole.
const HOLE: u64 = 4096;

/// Opens a new file without a name in the folder for temporary files (`TMPDIR`). It goes with the process.
pub fn scratch_file() -> io::Result<File> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let folder = std::env::temp_dir();
    let mut options = File::options();
    options.read(true).write(true).mode(0o600);
    let nameless = options
        .clone()
        .custom_flags(OFlags::TMPFILE.bits() as i32)
        .open(&folder);
    if let Ok(file) = nameless {
        return Ok(file);
    }
    // A file system without such files: a name that is gone at once.
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!(".pagewalk.{}.{number}", std::process::id()));
    let file = options.create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// A file without a name that is being written; zeros become holes.
#[derive(Debug)]
pub struct Scratch {
    file: File,
    bytes: u64,
}

impl Scratch {
    /// A new file of no bytes.
    pub fn new() -> io::Result<Scratch> {
        Ok(Scratch {
            file: scratch_file()?,
            bytes: 0,
        })
    }

    /// Writes at an offset in bytes, at any; what was not written is zero.
    pub fn put(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let end = at
            .checked_add(bytes.len() as u64)
            .ok_or(io::ErrorKind::InvalidInput)?;
        // A hole in what was written before must become zeros again.
        let is_new = at >= self.bytes;
        let (mut at, mut rest) = (at, bytes);
        while !rest.is_empty() {
            let to_edge = (HOLE - at % HOLE) as usize;
            let (here, behind) = rest.split_at(rest.len().min(to_edge));
            if !is_new || here.iter().any(|byte| *byte != 0) {
                self.file.write_all_at(here, at)?;
            }
            at += here.len() as u64;
            rest = behind;
        }
        self.bytes = end.max(self.bytes);
        Ok(())
    }

    /// Number of bytes, up to the last that was written.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The file, of its full length.
    pub fn finish(self) -> io::Result<File> {
        self.file.set_len(self.bytes)?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn zeros_take_no_room_and_read_as_zeros() {
        let mut scratch = Scratch::new().unwrap();
        scratch.put(0, &[7; 10]).unwrap();
        scratch.put(10, &[0; 1 << 20]).unwrap();
        scratch.put(2, &[0; 3]).unwrap();
        assert_eq!(scratch.bytes(), 10 + (1 << 20));
        let file = scratch.finish().unwrap();
        let mut read = vec![1; 10 + (1 << 20)];
        file.read_exact_at(&mut read, 0).unwrap();
        assert_eq!(read[..12], [7, 7, 0, 0, 0, 7, 7, 7, 7, 7, 0, 0]);
        assert!(read[12..].iter().all(|byte| *byte == 0));
        assert!(file.metadata().unwrap().blocks() * 512 < 64 << 10);
    }
}
