//! Paths of an output: what they lead to, and temporary names beside them.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::OFlags;
use rustix::io::Errno;

/// True if the path names an open descriptor of this process, such as /dev/stdout.
pub(super) fn is_descriptor(path: &Path) -> bool {
    ["/dev/stdout", "/dev/stderr"]
        .iter()
        .any(|it| path == Path::new(it))
        || path.starts_with("/dev/fd")
        || path.starts_with("/proc/self/fd")
}

/// Resolves symbolic links, including a last one whose target does not exist yet.
pub(super) fn target(path: &Path) -> io::Result<PathBuf> {
    /// Limit of nested links, as in Linux.
    const MOST: usize = 40;
    if is_descriptor(path) {
        return Ok(path.to_owned());
    }
    let mut at = path.to_owned();
    for _ in 0..MOST {
        match fs::read_link(&at) {
            Ok(next) => at = folder(&at).join(next),
            Err(_) => return Ok(at),
        }
    }
    Err(Errno::LOOP.into())
}

pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// An unnamed file with mode 0666 minus umask.
pub(super) fn nameless(folder: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .mode(0o666)
        .custom_flags(OFlags::TMPFILE.bits() as i32)
        .open(folder)?;
    // Without /proc the file could not be given a name later.
    match fs::metadata("/proc/self/fd") {
        Ok(_) => Ok(file),
        Err(_) => Err(Errno::OPNOTSUPP.into()),
    }
}

/// A temporary name beside `to` that no other process uses.
pub(super) fn partial_name(to: &Path) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(to.file_name().unwrap_or_default());
    name.push(format!(".{}.{number}.partial", std::process::id()));
    to.with_file_name(name)
}
