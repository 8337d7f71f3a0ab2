//! A folder into a ROMFS image, and back.

use std::fs;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use romfs::writer::{Layout, Piece, seal};
use romfs::{Entry, Kind, Romfs};

use crate::output::Output;
use crate::{Error, Progress, Result, tree};

/// What was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Files in it.
    pub files: usize,
    /// Bytes of the image.
    pub bytes: u64,
}

/// Small files are read whole; larger ones are copied by the kernel's own means.
const SMALL: u64 = 256 << 10;

/// Builds an image from a folder.
pub fn build(
    folder: &Path,
    to: &Path,
    label: &str,
    align: u64,
    progress: &mut Progress,
) -> Result<Built> {
    let tree = tree::read(folder, align)?;
    let layout =
        Layout::new(label, &tree.root).map_err(|error| Error::wrong(folder, error.to_string()))?;
    let mut output = Output::create(to)?;
    let mut buffer: Vec<u8> = Vec::with_capacity(1 << 20);
    let mut done = 0;
    for piece in layout.pieces() {
        done += match piece {
            Piece::Bytes(bytes) => {
                buffer.extend_from_slice(bytes);
                bytes.len() as u64
            }
            Piece::Data { source, size } => {
                let path = &tree.sources[*source];
                let file = fs::File::open(path).map_err(Error::io("read", path))?;
                let copied = if *size <= SMALL {
                    file.take(*size)
                        .read_to_end(&mut buffer)
                        .map_err(Error::io("read", path))? as u64
                } else {
                    output
                        .file()
                        .write_all(&buffer)
                        .map_err(Error::io("write", to))?;
                    buffer.clear();
                    std::io::copy(&mut file.take(*size), output.file())
                        .map_err(Error::io("copy", path))?
                };
                if copied != *size {
                    return Err(Error::wrong(path, "has shrunk while it was read"));
                }
                copied
            }
        };
        if buffer.len() > 1 << 19 {
            output
                .file()
                .write_all(&buffer)
                .map_err(Error::io("write", to))?;
            buffer.clear();
        }
        progress(done, layout.size());
    }
    output
        .file()
        .write_all(&buffer)
        .map_err(Error::io("write", to))?;
    write_sum(&mut output, to)?;
    output.commit()?;
    Ok(Built {
        files: tree.sources.len(),
        bytes: layout.size(),
    })
}

/// The superblock's sum covers data too: it comes last.
fn write_sum(output: &mut Output, to: &Path) -> Result<()> {
    let mut head = Vec::with_capacity(512);
    output
        .file()
        .seek(SeekFrom::Start(0))
        .map_err(Error::io("write", to))?;
    BufReader::new(&mut *output.file())
        .take(512)
        .read_to_end(&mut head)
        .map_err(Error::io("read", to))?;
    seal(&mut head);
    output
        .file()
        .seek(SeekFrom::Start(0))
        .map_err(Error::io("write", to))?;
    output
        .file()
        .write_all(&head)
        .map_err(Error::io("write", to))
}

/// Opens an image that was read whole.
pub fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<Romfs<'a>> {
    Romfs::new(bytes).map_err(|error| Error::wrong(path, format!("is no readable ROMFS: {error}")))
}

/// Shows every entry below the root with its path, in the order of the image.
pub fn each<'a>(
    romfs: &Romfs<'a>,
    see: &mut dyn FnMut(&str, &Entry<'a>) -> Result<()>,
) -> Result<()> {
    let root = romfs.root().map_err(damaged)?;
    below(romfs, root, "", 0, see)
}

fn below<'a>(
    romfs: &Romfs<'a>,
    entries: romfs::Entries<'a>,
    path: &str,
    depth: usize,
    see: &mut dyn FnMut(&str, &Entry<'a>) -> Result<()>,
) -> Result<()> {
    if depth > 64 {
        return Err(damaged(romfs::Error::BadHeader));
    }
    for entry in entries {
        let entry = entry.map_err(damaged)?;
        if matches!(entry.name, b"." | b"..") {
            continue;
        }
        let path = format!("{path}{}", String::from_utf8_lossy(entry.name));
        see(&path, &entry)?;
        if let Kind::Directory(_) = entry.kind {
            let children = romfs.entries(&entry).map_err(damaged)?;
            below(romfs, children, &format!("{path}/"), depth + 1, see)?;
        }
    }
    Ok(())
}

fn damaged(error: romfs::Error) -> Error {
    Error::Refused(format!("damaged ROMFS: {error}"))
}

/// Writes every file of an image below a folder; how many. Names that lead elsewhere are
/// refused before anything is written.
pub fn extract(romfs: &Romfs, to: &Path) -> Result<usize> {
    each(romfs, &mut |path, entry| {
        let leads_out = entry.name.is_empty() || entry.name.contains(&b'/') || path.contains('\0');
        if leads_out {
            Err(Error::Refused(format!("`{path}` is no name to extract")))
        } else {
            Ok(())
        }
    })?;
    fs::create_dir_all(to).map_err(Error::io("create", to))?;
    let mut files = 0;
    each(romfs, &mut |path, entry| {
        let place = to.join(path);
        let entry = romfs.resolve(*entry).map_err(damaged)?;
        match entry.kind {
            Kind::Directory(_) => fs::create_dir_all(&place).map_err(Error::io("create", &place)),
            Kind::File => {
                files += 1;
                extract_file(&place, &entry)
            }
            Kind::SymbolicLink => {
                let target = String::from_utf8_lossy(entry.data()).into_owned();
                std::os::unix::fs::symlink(target, &place).map_err(Error::io("create", &place))
            }
            // Devices and pipes need a system that wants them.
            _ => Ok(()),
        }
    })?;
    Ok(files)
}

fn extract_file(place: &Path, entry: &Entry) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mode = if entry.executable { 0o755 } else { 0o644 };
    // A link that was extracted before must not be followed to somewhere else.
    let file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(place);
    file.and_then(|mut file| file.write_all(entry.data()))
        .map_err(Error::io("create", place))
}
