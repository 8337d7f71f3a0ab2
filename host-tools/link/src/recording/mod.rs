//! Recordings, `.pwlog`: the bytes of a line, with times. `docs/wire.md` has the format.
//!
//! ```text
//! header   "PWLOG" 0, version (u16): 2
//! chunk    a second: header with length, time, number of faults, CRC-32; a compressed body
//! ...
//! index    a chunk with the place of each segment, if the recording was ended
//! ```
//!
//! All numbers are little-endian. Files are only appended to; a truncated one, from a full disk or a power
//! failure, ends at its last whole chunk. In a body (`body`) frames are taken apart, and fault records
//! stand in columns. Version 1 (`old`) had each block for itself, and is still read.

mod answers;
mod block;
mod body;
mod chunk;
mod edit;
mod fault_columns;
mod file;
mod fill;
mod frames;
mod index;
mod note;
mod number;
mod old;
mod reader;
mod replay;
mod shared;
mod survey;
mod writer;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use answers::{AnswerCollector, RecordedAnswers};
pub use block::{Block, BlockKind, is_board_output};
pub use edit::{EditError, cut, merge};
pub use file::{RecordingFile, put_aside};
pub use index::{Segment, SegmentIndex};
pub use note::{Note, NoteKeeper};
pub use reader::{Blocks, ReceivedBytes};
pub use replay::{Replay, Watcher};
pub use survey::RecordingSurvey;
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

/// Opens a file that may be compressed: its content.
pub fn open_file(path: &Path) -> io::Result<File> {
    let opened = container::open(path).map_err(|error| match error {
        container::UnpackError::File(_, error) => error,
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    });
    Ok(opened?.file)
}

/// First bytes of every recording of any version.
const MAGIC: &[u8; 6] = b"PWLOG\0";
/// The magic and the version, 2.
const HEADER: [u8; 8] = *b"PWLOG\0\x02\0";
/// The magic and the version, 1.
const OLD_HEADER: [u8; 8] = *b"PWLOG\0\x01\0";

/// Whether these are the first bytes of a recording.
pub fn is_recording(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
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
            writer.flush().unwrap();
        }
        drop(writer);
        std::fs::read(&path).unwrap()
    }

    /// The received bytes, and the offset of a truncated block.
    fn received(bytes: &[u8]) -> (Vec<u8>, Option<u64>) {
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
    fn what_was_received_comes_back_and_long_pieces_are_split() {
        let long = vec![7; 100_000];
        let bytes = recorded(&[b"boot\n", &long]);
        let (all, cut) = received(&bytes);
        assert_eq!((all.len(), cut), (5 + long.len(), None));
        assert!(all.starts_with(b"boot\n\x07"));
    }

    #[test]
    fn a_cut_file_reads_to_its_last_whole_chunk() {
        let bytes = recorded(&[b"one", b"two", b"three"]);
        let mut seen = Vec::new();
        for length in HEADER.len()..bytes.len() {
            let (all, cut) = received(&bytes[..length]);
            assert!(b"onetwothree".starts_with(&all), "{length}");
            assert!(
                cut.is_none_or(|cut| cut < length as u64),
                "{length}: {cut:?}"
            );
            seen.push((all, cut.is_none()));
        }
        // A whole file of each length ends between two chunks.
        for end in [&b""[..], b"one", b"onetwo", b"onetwothree"] {
            assert!(seen.contains(&(end.to_vec(), true)), "{end:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_is_added_to_behind_its_last_whole_chunk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let bytes = recorded(&[b"one", b"two"]);
        // The index, and the last byte of the chunk before it.
        let index = SegmentIndex::read(&mut io::Cursor::new(&bytes)).unwrap();
        let end = bytes.len() - index.chunk(0).len();
        std::fs::write(&path, &bytes[..end - 1]).unwrap();
        let mut writer = Writer::append(&path).unwrap();
        assert!(writer.dropped() > 0);
        writer.write_all(b"three").unwrap();
        drop(writer);
        let (all, cut) = received(&std::fs::read(&path).unwrap());
        assert_eq!((&*all, cut), (&b"onethree"[..], None));
    }

    /// A frame with faults of two tasks, as a board sends it.
    fn frame(seq: u64) -> Vec<u8> {
        let mut batch = wire::BatchWriter::<240>::new(seq);
        for step in 0..5 {
            assert!(batch.push(&abi::Fault {
                time: (seq + step) * 10_000,
                epc: 0x1_0000,
                va: 0x20_0000 + (seq + step) * 4096,
                cause: 15,
                task: 2 + (step % 2) as u16,
                ..abi::Fault::EMPTY
            }));
        }
        let mut room = [0; wire::LARGEST];
        let used = batch.encode(seq as u16, &mut room).unwrap();
        room[..used].to_vec()
    }

    fn welcome() -> Vec<u8> {
        let mut room = [0; wire::LARGEST];
        let welcome = wire::Welcome {
            version: 2,
            ticks_per_second: 10_000_000,
            xlen: 64,
            board: "ox64",
            session: 1,
        };
        let used = welcome.encode(1, &mut room).unwrap();
        room[..used].to_vec()
    }

    #[test]
    fn a_fault_takes_less_than_eight_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut file = RecordingFile::create(&path).unwrap();
        let mut line = Vec::new();
        for seq in (0..20_000u64).step_by(5) {
            let bytes = frame(seq);
            // A thousand faults a second, and a chunk each half second.
            file.put(BlockKind::Received, &bytes, seq * 1000).unwrap();
            if seq % 500 == 495 {
                file.flush().unwrap();
            }
            line.extend(bytes);
        }
        file.end().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert!(bytes.len() < 20_000 * 8, "{} bytes", bytes.len());
        assert_eq!(received(&bytes), (line, None));
        let index = SegmentIndex::read(&mut io::Cursor::new(&bytes)).unwrap();
        let faults: u64 = index.0.iter().map(|segment| segment.faults).sum();
        assert_eq!((faults, file.faults()), (20_000, 20_000));
    }

    #[test]
    fn a_reader_goes_to_a_time_and_has_the_boards_name_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut file = RecordingFile::create(&path).unwrap();
        file.put(BlockKind::Received, &welcome(), 0).unwrap();
        let noise: Vec<u8> = (0..1 << 16).map(|n| (n * 7 % 251) as u8).collect();
        for second in 1..200 {
            file.put(BlockKind::Received, &noise, second * 1_000_000)
                .unwrap();
        }
        // Both with an index and without.
        for ended in [false, true] {
            file.flush().unwrap();
            if ended {
                file.end().unwrap();
            }
            let mut blocks = Blocks::open(&path).unwrap();
            blocks.seek(150_000_000).unwrap();
            let first = blocks.next().unwrap().unwrap();
            assert_eq!((first.kind, first.payload), (BlockKind::Context, welcome()));
            assert!((100_000_000..=150_000_000).contains(&first.at_us));
        }
    }

    #[test]
    fn a_recording_that_is_too_large_is_put_aside_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append_rotated(&path, 20_000).unwrap();
        let mut line = welcome();
        writer.write_all(&line).unwrap();
        let mut number = 1u32;
        while line.len() < 100_000 {
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (number >> 24) as u8 | 1
            })
            .take(5_000)
            .collect();
            writer.write_all(&noise).unwrap();
            writer.flush().unwrap();
            line.extend(noise);
        }
        drop(writer);
        let mut all = Vec::new();
        let mut parts = 0;
        for name in [
            "run.1.pwlog",
            "run.2.pwlog",
            "run.3.pwlog",
            "run.4.pwlog",
            "run.pwlog",
        ] {
            let Ok(bytes) = std::fs::read(folder.path().join(name)) else {
                continue;
            };
            assert!(bytes.len() < 30_000, "{name}: {}", bytes.len());
            let (part, cut) = received(&bytes);
            assert_eq!(cut, None);
            let mut blocks = Blocks::new(&bytes[..]).unwrap();
            let mut read = Vec::new();
            ReceivedBytes::new(Blocks::new(&bytes[..]).unwrap())
                .read_to_end(&mut read)
                .unwrap();
            assert!(
                read.starts_with(&welcome()),
                "{name} says which board it is"
            );
            assert!(blocks.next().unwrap().is_some());
            (all, parts) = ([all, part].concat(), parts + 1);
        }
        assert!(parts >= 4, "{parts}");
        assert_eq!(all, line);
    }

    #[test]
    fn what_was_sent_to_the_file_is_there_soon_without_another_call() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append(&path).unwrap();
        writer.write_all(b"the last words").unwrap();
        let begin = Instant::now();
        // As after `kill -9`: the writer never ends.
        while received(&std::fs::read(&path).unwrap()).0 != b"the last words" {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::sleep(Duration::from_millis(5));
        }
        std::mem::forget(writer);
    }

    #[test]
    fn a_recording_of_version_1_is_read_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let old = include_bytes!("../../../cli/tests/captures/run.pwlog");
        std::fs::write(&path, old).unwrap();
        let (before, cut) = received(old);
        assert_eq!(cut, None);
        let mut writer = Writer::append(&path).unwrap();
        writer.write_all(b"more").unwrap();
        drop(writer);
        let new = std::fs::read(&path).unwrap();
        assert_eq!(received(&new), ([&before, &b"more"[..]].concat(), None));
        assert!(new.len() < old.len(), "{} bytes", new.len());
    }

    #[test]
    fn a_block_of_a_newer_program_is_kept_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append(&path).unwrap();
        writer.put(BlockKind::Other(77), b"a mark").unwrap();
        drop(writer);
        let mut blocks = Blocks::open(&path).unwrap();
        let kinds = std::iter::from_fn(|| blocks.next().unwrap());
        let kept = kinds.filter(|block| block.kind == BlockKind::Other(77));
        assert_eq!(
            kept.map(|block| block.payload).collect::<Vec<_>>(),
            [b"a mark"]
        );
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
        writer.flush().unwrap();
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

    #[test]
    fn a_recording_without_the_start_of_a_session_is_played_from_its_first_byte() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut file = RecordingFile::create(&path).unwrap();
        // As `recording cut` may leave it, and long after 1970.
        let at_us = 1_800_000_000_000_000;
        file.put(BlockKind::Received, b"a", at_us).unwrap();
        file.end().unwrap();
        let mut replay = Replay::open(&path, Speed::Times(1.0)).unwrap();
        let mut all = Vec::new();
        replay.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"a");
    }

    proptest! {
        #[test]
        fn whatever_was_on_the_line_comes_back_byte_for_byte(
            pieces in proptest::collection::vec(
                prop_oneof![
                    proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 0..40),
                    (0u64..9).prop_map(frame),
                    (0u64..9, 0usize..60).prop_map(|(seq, at)| {
                        let mut bytes = frame(seq);
                        bytes.truncate(at);
                        bytes
                    }),
                    Just(welcome()),
                ],
                0..20,
            ),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(|piece| &piece[..]).collect();
            prop_assert_eq!(received(&recorded(&pieces)), (pieces.concat(), None));
        }

        #[test]
        fn no_body_is_too_wild_for_a_reader(noise in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = body::BodyModel::default().decode(0, &noise);
            let mut unpacker = chunk::Unpacker::default();
            let _ = unpacker.unpack(&noise, 1000);
        }

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
