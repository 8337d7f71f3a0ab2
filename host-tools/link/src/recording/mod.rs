//! Recordings, `.pwlog`: the bytes of a line, with times. `docs/wire.md` has the format.
//!
//! ```text
//! header  "PWLOG" 0, version (u16)
//! block   microseconds since the block before (u32), length (u16), kind (u8), 0, CRC-32 of these
//!         eight bytes and the payload (u32), payload
//! ```
//!
//! All numbers are little-endian. Files are only appended to; a truncated one, from a full disk or a power
//! failure, ends at its last whole block.

mod answers;
mod reader;
mod replay;
mod writer;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use answers::RecordedAnswers;
pub use reader::{Block, BlockKind, Blocks, ReceivedBytes};
pub use replay::Replay;
pub use writer::Writer;

/// Stores both directions of a line.
pub trait RecordingSink: Send {
    /// Appends bytes received from the board.
    fn received(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Appends bytes sent to the board.
    fn sent(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// The board's bytes without times and without the other direction.
pub struct RawFile {
    file: File,
    path: PathBuf,
}

impl RawFile {
    /// Opens a file for appending, or creates it. Errors contain the path.
    pub fn append(path: &Path) -> io::Result<RawFile> {
        let file = File::options().append(true).create(true).open(path);
        Ok(RawFile {
            file: file.map_err(named(path))?,
            path: path.to_owned(),
        })
    }
}

impl RecordingSink for RawFile {
    fn received(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).map_err(named(&self.path))
    }

    fn sent(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Adds the path to an error: the caller also reads from a line, and the error must show which of the two
/// failed.
fn named(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    let path = path.display().to_string();
    move |error| io::Error::new(error.kind(), format!("{path}: {error}"))
}

/// First bytes of every recording: the magic and the version, 1.
const HEADER: [u8; 8] = *b"PWLOG\0\x01\0";
/// Size of a block's header in bytes.
const HEAD: usize = 12;

/// Whether these are the first bytes of a recording.
pub fn is_recording(bytes: &[u8]) -> bool {
    bytes.starts_with(&HEADER[..6])
}

fn sum(head: &[u8], payload: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(head);
    sum.update(payload);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::transport::Speed;

    fn recorded(pieces: &[&[u8]]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append(&path).unwrap();
        for piece in pieces {
            writer.write_all(piece).unwrap();
        }
        std::fs::read(&path).unwrap()
    }

    /// The received bytes, and the offset of a truncated block.
    fn heard(bytes: &[u8]) -> (Vec<u8>, Option<u64>) {
        let mut blocks = Blocks::new(bytes).unwrap();
        let mut all = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            if block.kind == BlockKind::Received {
                all.extend(block.payload);
            }
        }
        (all, blocks.cut_at())
    }

    #[test]
    fn what_was_heard_comes_back_and_long_pieces_are_split() {
        let long = vec![7; 100_000];
        let bytes = recorded(&[b"boot\n", &long]);
        let (all, cut) = heard(&bytes);
        assert_eq!((all.len(), cut), (5 + long.len(), None));
        assert!(all.starts_with(b"boot\n\x07"));
    }

    #[test]
    fn a_cut_file_reads_to_its_last_whole_block() {
        let bytes = recorded(&[b"one", b"two", b"three"]);
        for length in HEADER.len()..bytes.len() {
            let (all, cut) = heard(&bytes[..length]);
            assert!(b"onetwothree".starts_with(&all), "{length}");
            let whole = [8, 28, 28 + 15, 28 + 30].contains(&length);
            assert_eq!(cut.is_none(), whole, "{length}: {cut:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_is_added_to_behind_its_last_whole_block() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let bytes = recorded(&[b"one", b"two"]);
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut writer = Writer::append(&path).unwrap();
        assert_eq!(writer.dropped(), 14);
        writer.write_all(b"three").unwrap();
        let (all, cut) = heard(&std::fs::read(&path).unwrap());
        assert_eq!((&*all, cut), (&b"onethree"[..], None));
    }

    #[test]
    fn another_file_is_neither_read_nor_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.pwlog");
        std::fs::write(&path, "what I wanted to keep").unwrap();
        assert!(Writer::append(&path).is_err());
        assert!(Blocks::new(&b"what I wanted to keep"[..]).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"what I wanted to keep");
    }

    #[test]
    fn a_replay_takes_the_time_it_took_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append(&path).unwrap();
        let start = Instant::now();
        writer.received_at(b"a", start).unwrap();
        writer
            .received_at(b"b", start + Duration::from_millis(300))
            .unwrap();
        let took = |speed| {
            let (begin, mut all) = (Instant::now(), Vec::new());
            Replay::open(&path, speed)
                .unwrap()
                .read_to_end(&mut all)
                .unwrap();
            assert_eq!(all, b"ab");
            begin.elapsed()
        };
        // On a loaded machine only the lower bounds hold.
        assert!(took(Speed::Times(1.0)) >= Duration::from_millis(299));
        assert!(took(Speed::Times(10.0)) >= Duration::from_millis(29));
        took(Speed::Max);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_wild_for_a_reader(
            noise in proptest::collection::vec(any::<u8>(), 0..400),
            at in 0usize..60,
        ) {
            let mut bytes = recorded(&[b"one", b"two"]);
            bytes.splice(at.min(bytes.len()).., noise);
            if let Ok(mut blocks) = Blocks::new(&bytes[..]) {
                while let Ok(Some(_)) = blocks.next() {}
            }
        }
    }
}
