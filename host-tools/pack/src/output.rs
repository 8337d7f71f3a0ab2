//! Writes files atomically: completely, or not at all.
//!
//! ```text
//! create   a file without a name, in the folder of the final path    the old file is unchanged
//! write    on a full disk, a limit, a signal: it disappears          the old file is unchanged
//! commit   fsync, a name beside the final path, rename over it       the old file is replaced
//! ```
//! A file without a name (`O_TMPFILE`) disappears with the process, even on SIGKILL. On file systems without
//! such files a named one is used.
//!
//! A pipe, a terminal or a character device cannot be replaced: it is written at commit, in one pass. Block
//! devices are rejected: `flash` writes them, after its own checks.

mod copy;
mod path;

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, RenameFlags, linkat, renameat_with};
use rustix::io::Errno;

use self::path::{folder, is_descriptor, nameless, partial_name, target};
use crate::content::Extent;
use crate::{PackError, Progress, Result};

/// A file that is being written. Dropped without [`Output::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Output {
    file: File,
    goal: Goal,
    /// Path as the user named it, for messages.
    path: PathBuf,
    is_synced: bool,
}

/// Where the bytes go at commit.
#[derive(Debug)]
enum Goal {
    /// They replace the file at `to`, which may not exist yet.
    File {
        to: PathBuf,
        /// The temporary name beside `to`, once there is one.
        partial: Option<PathBuf>,
        old: Option<Box<Metadata>>,
    },
    /// They are copied to a pipe, a terminal or a character device.
    Stream(File),
}

impl Output {
    /// Starts a file that will replace the one at `path`. The old file stays until [`Output::commit`]; links
    /// are followed. Folders, sockets and block devices are rejected.
    pub fn create(path: &Path) -> Result<Output> {
        let goal = goal(path)?;
        let file = match &goal {
            Goal::File { to, .. } => nameless(folder(to)),
            // The folder of the path may be /dev, which is not a place for files.
            Goal::Stream(_) => nameless(&std::env::temp_dir()),
        };
        let mut output = match (file, goal) {
            (Ok(file), goal) => Output {
                file,
                goal,
                path: path.to_owned(),
                is_synced: true,
            },
            (Err(error), goal) => Output::named(path, goal, error)?,
        };
        output.keep_owner()?;
        Ok(output)
    }

    /// Fallback for a file system without unnamed files.
    fn named(path: &Path, goal: Goal, error: io::Error) -> Result<Output> {
        let failed = |error| PackError::io("create", path)(error);
        let has_none = matches!(
            Errno::from_io_error(&error),
            Some(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL)
        );
        if !has_none {
            return Err(failed(error));
        }
        let (partial, goal) = match goal {
            Goal::File { to, old, .. } => {
                let partial = partial_name(&to);
                let goal = Goal::File {
                    to,
                    partial: Some(partial.clone()),
                    old,
                };
                (partial, goal)
            }
            stream => (partial_name(&std::env::temp_dir().join("stream")), stream),
        };
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        let file = options.open(&partial).map_err(failed)?;
        if let Goal::Stream(_) = goal {
            fs::remove_file(&partial).map_err(failed)?;
        }
        Ok(Output {
            file,
            goal,
            path: path.to_owned(),
            is_synced: true,
        })
    }

    /// Copies the old file's permissions, and its owner where the process may change owners.
    fn keep_owner(&mut self) -> Result<()> {
        let Goal::File { old: Some(old), .. } = &self.goal else {
            return Ok(());
        };
        let own = self
            .file
            .metadata()
            .map_err(PackError::io("create", &self.path))?;
        if (own.uid(), own.gid()) != (old.uid(), old.gid()) {
            // Only root may change the owner; otherwise the file belongs to the user.
            let _ = std::os::unix::fs::fchown(&self.file, Some(old.uid()), Some(old.gid()));
        }
        self.file
            .set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))
            .map_err(PackError::io("create", &self.path))
    }

    /// For output that can be rebuilt from files on disk: the commit does not wait for the disk, as
    /// compilers, linkers and `cp` do not. After a power failure the path holds the old or the new file on
    /// ext4 and btrfs; other file systems may leave an empty one.
    pub fn rebuildable(mut self) -> Output {
        self.is_synced = false;
        self
    }

    /// The open file, for writes at an offset.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// False for a pipe or a device: no map or checksum can be put beside it.
    pub fn is_file(&self) -> bool {
        matches!(self.goal, Goal::File { .. })
    }

    /// Sets the length to `size` bytes; the new part is a hole.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.file
            .set_len(size)
            .map_err(PackError::io("write", &self.path))
    }

    /// Writes extents at their offsets; gaps and zeros stay holes.
    pub fn write(&self, extents: &[Extent], progress: &mut Progress) -> Result<()> {
        let total = extents.iter().map(|extent| extent.content.size()).sum();
        let mut done = 0;
        self.write_at(extents, 0, &mut |bytes| {
            done += bytes;
            progress(done, total);
        })
    }

    /// Waits until the data is on disk: the last step that takes time and that a full disk can fail. The old
    /// file is still in place.
    fn sync(&self) -> Result<()> {
        match self.goal {
            Goal::File { .. } if self.is_synced => self
                .file
                .sync_all()
                .map_err(PackError::io("write", &self.path)),
            _ => Ok(()),
        }
    }

    /// Gives the file a name: the final one if it is free, otherwise a temporary one beside it.
    fn link(&mut self) -> Result<()> {
        let Goal::File { to, partial, .. } = &mut self.goal else {
            return Ok(());
        };
        if partial.is_some() {
            return Ok(());
        }
        let link = |name: &Path| {
            let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            linkat(CWD, own, CWD, name, AtFlags::SYMLINK_FOLLOW)
        };
        let linked = match link(to) {
            Err(Errno::EXIST) => {
                let name = partial_name(to);
                let linked = link(&name);
                *partial = linked.is_ok().then_some(name);
                linked
            }
            linked => linked,
        };
        linked.map_err(|error| PackError::io("create", &self.path)(error.into()))
    }

    /// Moves the finished file to its path, or copies it to the stream.
    pub fn commit(mut self) -> Result<()> {
        self.sync()?;
        self.link()?;
        match &mut self.goal {
            Goal::Stream(stream) => self
                .file
                .rewind()
                .and_then(|()| io::copy(&mut self.file, stream))
                .and_then(|_| stream.flush())
                .map_err(PackError::io("write", &self.path)),
            Goal::File { to, partial, old } => {
                let Some(from) = partial else {
                    return Ok(());
                };
                // ext4 starts writing a file out when it is renamed over another. Where nothing waits for the
                // disk, both files are exchanged instead, and the old one is deleted.
                let swaps = !self.is_synced && old.is_some();
                if swaps && renameat_with(CWD, &*from, CWD, &*to, RenameFlags::EXCHANGE).is_ok() {
                    return Ok(());
                }
                fs::rename(&*from, &*to).map_err(PackError::io("create", &self.path))?;
                *partial = None;
                Ok(())
            }
        }
    }
}

/// Appends, as to a file that was just opened.
impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Goal::File {
            partial: Some(partial),
            ..
        } = &self.goal
        {
            // Deletes the temporary name. The error that led here is reported, not an error of this deletion.
            let _ = fs::remove_file(partial);
        }
    }
}

/// Commits a file and the files beside it that describe it. At every moment a description is correct or
/// absent: `stale` paths, which describe the old file, are deleted just before it is replaced.
pub fn commit_with(main: Output, beside: Vec<Output>, stale: &[PathBuf]) -> Result<()> {
    main.sync()?;
    beside.iter().try_for_each(Output::sync)?;
    delete(stale)?;
    main.commit()?;
    beside.into_iter().try_for_each(Output::commit)
}

/// Deletes those of the files that exist.
pub fn delete(paths: &[PathBuf]) -> Result<()> {
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(PackError::io("delete", path)(error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A small file, written but not committed.
pub fn begun(path: &Path, bytes: &[u8]) -> Result<Output> {
    let mut output = Output::create(path)?;
    output
        .write_all(bytes)
        .map_err(PackError::io("write", path))?;
    Ok(output)
}

/// Writes and commits a small file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    begun(path, bytes)?.commit()
}

fn goal(path: &Path) -> Result<Goal> {
    let to = target(path).map_err(PackError::io("create", path))?;
    let metadata = match fs::metadata(&to) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            to.file_name()
                .ok_or_else(|| PackError::wrong(path, "is not a file name"))?;
            return Ok(Goal::File {
                to,
                partial: None,
                old: None,
            });
        }
        Err(error) => return Err(PackError::io("create", path)(error)),
    };
    let kind = metadata.file_type();
    // Other processes may write to a redirected stdout as well.
    if kind.is_fifo() || kind.is_char_device() || is_descriptor(path) && kind.is_file() {
        let stream = File::options().append(true).open(path);
        return stream
            .map(Goal::Stream)
            .map_err(PackError::io("create", path));
    }
    if !kind.is_file() {
        let what = if kind.is_dir() {
            "is a folder; name a file in it"
        } else {
            "is not a file; name one, and write it onto a card with `pagewalk flash`"
        };
        return Err(PackError::wrong(path, what));
    }
    // A user without write permission on the file must not replace it either.
    let may_write = File::options().write(true).open(&to);
    may_write.map_err(PackError::io("write", path))?;
    Ok(Goal::File {
        to,
        partial: None,
        old: Some(Box::new(metadata)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::Content;

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
        // A stream must remain a stream, as a device would.
        let socket = folder.path().join("socket");
        let _listening = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for wrong in [&*socket, folder.path()] {
            let error = write(wrong, b"new").unwrap_err().to_string();
            assert!(error.contains("name "), "{error}");
        }
        assert!(!fs::metadata(&socket).unwrap().is_file());
    }

    #[test]
    fn a_link_to_a_file_that_is_not_there_yet_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("new", &link).unwrap();
        write(&link, b"bytes").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(folder.path().join("new")).unwrap(), b"bytes");
        let around = folder.path().join("around");
        std::os::unix::fs::symlink("around", &around).unwrap();
        assert!(write(&around, b"bytes").is_err());
    }

    #[test]
    fn rights_of_the_old_file_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn with_a_name_from_the_beginning_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("card.img");
        let named = || {
            let error = Errno::OPNOTSUPP.into();
            Output::named(&path, goal(&path).unwrap(), error).unwrap()
        };
        let mut output = named();
        output.write_all(b"one").unwrap();
        output.commit().unwrap();
        drop(named());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_describes_a_file_is_right_or_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("card"), "old").unwrap();
        fs::write(path("card.sum"), "of old").unwrap();
        let output = |name: &str, text: &[u8]| {
            let mut output = Output::create(&path(name)).unwrap();
            output.write_all(text).unwrap();
            output
        };
        // The new description cannot be put in place, so none may remain.
        fs::create_dir(path("nowhere")).unwrap();
        let lost = output("nowhere/card.sum", b"of new");
        fs::remove_dir(path("nowhere")).unwrap();
        let stale = [path("card.sum")];
        let failed = commit_with(output("card", b"new"), vec![lost], &stale);
        assert!(failed.is_err());
        assert!(!path("card.sum").exists());
        let beside = vec![output("card.sum", b"of new")];
        commit_with(output("card", b"new"), beside, &stale).unwrap();
        assert_eq!(fs::read(path("card.sum")).unwrap(), b"of new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
