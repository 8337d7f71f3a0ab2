//! LiME: ranges of physical memory, each behind a header.
//!
//! ```text
//! "EMiL"  version 1  first address  last address, included  8 bytes reserved    32 bytes
//! the bytes of the range
//! ```
//! Numbers are little endian; addresses have 64 bits.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use pagetable::PhysAddr;

use super::OpenError;
use super::files::{self, FilePiece, Files};
use super::physical_dump::PhysicalDump;

/// First bytes of every range.
pub(super) const MAGIC: &[u8] = b"EMiL";
const HEADER: u64 = 32;
/// Most ranges: a machine has a few.
const MOST_RANGES: usize = 1 << 12;

/// Opens a dump; of a truncated one what is there.
pub(super) fn open(path: &Path) -> Result<PhysicalDump, OpenError> {
    let (mut file, bytes) = files::open(path)?;
    let failed = |error| OpenError::File(path.to_owned(), error);
    let broken = |what: String| OpenError::Damaged(path.to_owned(), what);
    let (mut pieces, mut cut_at, mut at) = (Vec::new(), None, 0);
    while at + HEADER <= bytes {
        let mut header = [0; HEADER as usize];
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        file.read_exact(&mut header).map_err(failed)?;
        let long = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().unwrap_or([0; 8]));
        let (first, last) = (long(8), long(16));
        if !header.starts_with(MAGIC) || header[4..8] != [1, 0, 0, 0] {
            return Err(broken(format!(
                "no range of a LiME dump begins at offset {at:#x}: damaged"
            )));
        }
        let size = last.checked_sub(first).and_then(|size| size.checked_add(1));
        let end = size.and_then(|size| first.checked_add(size));
        let (Some(size), Some(end)) = (size, end) else {
            return Err(broken(format!(
                "a range of LiME from {first:#x} to {last:#x}: damaged"
            )));
        };
        let present = size.min(bytes - at - HEADER);
        if present < size {
            cut_at = Some(PhysAddr::new(first + present));
        }
        pieces.push(FilePiece {
            start: first,
            end: end - (size - present),
            offset: at + HEADER,
            in_file: present,
            file: 0,
        });
        if pieces.len() > MOST_RANGES {
            return Err(broken(format!("more than {MOST_RANGES} ranges: damaged")));
        }
        at = at.saturating_add(HEADER).saturating_add(present);
    }
    if pieces.is_empty() {
        return Err(OpenError::Empty(path.to_owned()));
    }
    Ok(PhysicalDump {
        cut_at,
        ..PhysicalDump::of(Files::new(vec![(path.to_owned(), file)], pieces))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn dump(ranges: &[(u64, u64, &[u8])]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (first, last, bytes) in ranges {
            let mut header = [
                MAGIC,
                &[1, 0, 0, 0],
                &first.to_le_bytes(),
                &last.to_le_bytes(),
            ]
            .concat();
            header.resize(HEADER as usize, 0);
            file.write_all(&header).unwrap();
            file.write_all(bytes).unwrap();
        }
        file
    }

    fn byte(dump: &mut PhysicalDump, at: u64) -> Option<u8> {
        let mut byte = [0];
        let read = dump.memory.read(PhysAddr::new(at), &mut byte);
        read.ok().map(|()| byte[0])
    }

    #[test]
    fn ranges_lie_at_their_addresses_and_a_cut_one_keeps_what_it_has() {
        let file = dump(&[
            (0x1000, 0x1003, b"abcd"),
            (0x8000_0000, 0x8000_000f, b"xyz"),
        ]);
        let mut dump = open(file.path()).unwrap();
        assert_eq!(byte(&mut dump, 0x1003), Some(b'd'));
        assert_eq!(byte(&mut dump, 0x1004), None);
        assert_eq!(byte(&mut dump, 0x8000_0002), Some(b'z'));
        assert_eq!(byte(&mut dump, 0x8000_0003), None);
        assert_eq!(dump.cut_at, Some(PhysAddr::new(0x8000_0003)));
    }

    #[test]
    fn a_header_that_makes_no_sense_is_an_error() {
        for (first, last) in [(5, 3), (0, u64::MAX), (u64::MAX, u64::MAX)] {
            let file = dump(&[(first, last, b"abcd")]);
            assert!(
                matches!(open(file.path()), Err(OpenError::Damaged(..))),
                "{first:#x}"
            );
        }
        let file = dump(&[(0, 3, b"abcd"), (8, 9, b"")]);
        std::fs::OpenOptions::new()
            .append(true)
            .open(file.path())
            .unwrap();
        let mut bytes = std::fs::read(file.path()).unwrap();
        bytes[36] = b'X';
        std::fs::write(file.path(), bytes).unwrap();
        assert!(matches!(open(file.path()), Err(OpenError::Damaged(..))));
    }
}
