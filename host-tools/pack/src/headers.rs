//! Checks every header of a ROMFS in a file without reading the files' content.
//!
//! [`romfs::Romfs::check`] needs the whole image in memory. Touching 16 MiB of fresh memory takes longer than
//! writing a card, and an initrd is mostly data.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use romfs::RomfsError;

use crate::{PackError, Result};

/// Bytes per read; neighbouring headers share a read.
const WINDOW: u64 = 1 << 14;
/// Longest header: 16 bytes of numbers, a name of up to 256 bytes, its padding.
const LONGEST: u64 = 16 + 256 + 16;
/// Deepest directory, as in the kernel's reader.
const MAX_DEPTH: usize = 64;
const MAX_LINKS: usize = 8;

/// Checks the ROMFS in the first `size` bytes of a file. The result equals that of [`romfs::Romfs::new`] and
/// `check`.
pub fn check(file: &File, path: &Path, size: u64) -> Result<()> {
    let mut headers = Headers {
        file,
        path,
        size,
        window: Vec::new(),
        at: 0,
    };
    let wrong =
        |what: &str, error: RomfsError| PackError::wrong(path, format!("is {what}: {error}"));
    match headers.open()? {
        Ok(()) => {}
        Err(error) => return Err(wrong("not a ROMFS image", error)),
    }
    match headers.check()? {
        Ok(()) => Ok(()),
        Err(error) => Err(wrong("a damaged ROMFS", error)),
    }
}

/// A verdict about the image; the outer `Result` is for errors of the disk.
type Judged<T> = std::result::Result<T, RomfsError>;

struct Headers<'a> {
    file: &'a File,
    path: &'a Path,
    size: u64,
    /// Bytes of the file from offset `at`.
    window: Vec<u8>,
    at: u64,
}

struct NodeHeader {
    next: u64,
    kind: u32,
    target: u64,
    /// Offset where its padded name ends.
    end: u64,
}

impl Headers<'_> {
    /// Up to `bytes` bytes from offset `at`; fewer at the end of the image.
    fn bytes(&mut self, at: u64, bytes: u64) -> Result<&[u8]> {
        let end = at.saturating_add(bytes).min(self.size);
        if at >= end {
            return Ok(&[]);
        }
        if at < self.at || end > self.at + self.window.len() as u64 {
            self.window.resize((self.size - at).min(WINDOW) as usize, 0);
            self.file
                .read_exact_at(&mut self.window, at)
                .map_err(PackError::io("read", self.path))?;
            self.at = at;
        }
        Ok(&self.window[(at - self.at) as usize..(end - self.at) as usize])
    }

    /// Checks the superblock; afterwards `size` is the size that it states.
    fn open(&mut self) -> Result<Judged<()>> {
        let head = self.bytes(0, 512)?;
        if !head.starts_with(b"-rom1fs-") {
            return Ok(Err(RomfsError::NotRomfs));
        }
        let size = head.get(8..12).map_or(0, word);
        if size > self.size || size < 32 {
            return Ok(Err(RomfsError::Truncated));
        }
        self.size = size;
        let sum = sum(self.bytes(0, 512)?);
        Ok(if sum == 0 {
            Ok(())
        } else {
            Err(RomfsError::BadChecksum)
        })
    }

    fn check(&mut self) -> Result<Judged<()>> {
        let mut left = self.size / 32;
        let Some(root) = self.name_end(16)? else {
            return Ok(Err(RomfsError::BadHeader));
        };
        self.below(root, &mut left, MAX_DEPTH)
    }

    fn below(&mut self, first: u64, left: &mut u64, depth: usize) -> Result<Judged<()>> {
        let mut at = first;
        while at != 0 {
            let (header, rest) = match (self.header(at)?, left.checked_sub(1)) {
                (Some(header), Some(rest)) if depth > 0 => (header, rest),
                _ => return Ok(Err(RomfsError::BadHeader)),
            };
            *left = rest;
            if sum(self.bytes(at, header.end - at)?) != 0 {
                return Ok(Err(RomfsError::BadChecksum));
            }
            let below = match header.kind {
                0 => self.resolves(header.target)?,
                // The root's first entry is the root itself.
                1 if header.target != at => self.below(header.target, left, depth - 1)?,
                _ => Ok(()),
            };
            if below.is_err() {
                return Ok(below);
            }
            at = header.next;
        }
        Ok(Ok(()))
    }

    /// Follows hard links; a chain must end at an entry that is not a link.
    fn resolves(&mut self, mut at: u64) -> Result<Judged<()>> {
        for _ in 0..MAX_LINKS {
            match self.header(at)? {
                None => break,
                Some(header) if header.kind == 0 => at = header.target,
                Some(_) => return Ok(Ok(())),
            }
        }
        Ok(Err(RomfsError::BadHeader))
    }

    /// The header at offset `at`; `None` if it or its data lies outside the image.
    fn header(&mut self, at: u64) -> Result<Option<NodeHeader>> {
        let Some(end) = self.name_end(at.saturating_add(16))? else {
            return Ok(None);
        };
        let fields = self.bytes(at, 12)?;
        let (next, spec, size) = (word(&fields[..4]), word(&fields[4..8]), word(&fields[8..]));
        let kind = (next & 7) as u32;
        let data = if matches!(kind, 2 | 3) { size } else { 0 };
        Ok((end + data <= self.size).then_some(NodeHeader {
            next: next & !15,
            kind,
            target: spec & !15,
            end,
        }))
    }

    /// Offset where the name at `at` and its zero padding end.
    fn name_end(&mut self, at: u64) -> Result<Option<u64>> {
        let from = at.saturating_sub(16);
        let bytes = self.bytes(from, LONGEST)?;
        let name = bytes.get(16..).unwrap_or_default();
        let length = name.iter().take(256).position(|&byte| byte == 0);
        let end = length.map(|length| (at + length as u64 + 16) & !15);
        Ok(end.filter(|end| *end <= self.size))
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.chunks(4).fold(0u32, |sum, chunk| {
        let mut four = [0; 4];
        four[..chunk.len()].copy_from_slice(chunk);
        sum.wrapping_add(u32::from_be_bytes(four))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use romfs::Romfs;
    use romfs::writer::{Node, seal};

    use super::*;

    fn image() -> Vec<u8> {
        let file = |source, size| Node::File {
            source,
            size,
            executable: false,
            align: 4096,
        };
        let below = vec![
            ("inner".to_owned(), file(1, 20_000)),
            ("n".repeat(127), Node::HardLink(1)),
        ];
        let root = [
            ("a".to_owned(), file(0, 70_000)),
            ("b".to_owned(), Node::HardLink(0)),
            ("dir".to_owned(), Node::Directory(below)),
            ("to".to_owned(), Node::Link("a".into())),
        ];
        crate::test_image::of(&root)
    }

    /// Both checks return the same verdict.
    fn same(bytes: &[u8]) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        let ours = check(&file, Path::new("it"), bytes.len() as u64);
        let theirs = Romfs::new(bytes)
            .map_err(|error| format!("it: is not a ROMFS image: {error}"))
            .and_then(|it| {
                it.check()
                    .map_err(|error| format!("it: is a damaged ROMFS: {error}"))
            });
        assert_eq!(ours.map_err(|error| error.to_string()), theirs);
        theirs.is_ok()
    }

    #[test]
    fn a_good_image_is_good_and_a_part_of_it_is_not() {
        let image = image();
        assert!(same(&image));
        for length in [0, 7, 8, 12, 31, 32, 511, 512, 600, 5000, image.len() - 1024] {
            assert!(!same(&image[..length]), "{length}");
        }
    }

    proptest! {
        /// Changes any byte of the headers and corrects the superblock's checksum.
        #[test]
        fn headers_on_disk_are_judged_as_those_in_memory(
            changes in proptest::collection::vec((0usize..101_000, any::<u8>(), any::<bool>()), 0..6)
        ) {
            let mut bytes = image();
            for (at, byte, is_near) in changes {
                // Most of an image is file content, where no value is invalid.
                let at = if is_near { at % 4200 } else { at % bytes.len() };
                bytes[at] = byte;
            }
            seal(&mut bytes);
            same(&bytes);
        }
    }
}
