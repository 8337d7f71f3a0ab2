//! Notes that a person sets while looking at a recording, kept in the recording.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, Weak};

use super::block::BlockKind;
use super::file::RecordingFile;
use super::number::{put, take};
use super::shared::SharedFile;

/// Bytes of a note's text at most; what is longer is cut.
const TEXT: usize = 1000;

/// What a person says about a point in time.
///
/// Boots are counted back from the one that is active where the note stands in the recording: a part that begins later,
/// or several recordings in one, still mean the same boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How many boots ago; 0 for the boot that is active where the note stands.
    pub boots_back: u64,
    /// Microseconds since that boot.
    pub time_us: u64,
    /// One line.
    pub text: String,
}

impl Note {
    /// The payload of its block.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put(&mut bytes, self.boots_back);
        put(&mut bytes, self.time_us);
        let end = self.text.floor_char_boundary(TEXT);
        bytes.extend(self.text[..end].bytes());
        bytes
    }

    /// The note of a payload; `None` if it is none.
    pub fn decode(mut bytes: &[u8]) -> Option<Note> {
        let from = &mut bytes;
        let (boots_back, time_us) = (take(from)?, take(from)?);
        let text = String::from_utf8_lossy(from).into_owned();
        Some(Note {
            boots_back,
            time_us,
            text,
        })
    }
}

/// Appends notes to a recording: to one that is being written by this program, or to a file that is not.
pub struct NoteKeeper(Place);

enum Place {
    Writer(Weak<Mutex<SharedFile>>, PathBuf),
    File(PathBuf),
}

impl NoteKeeper {
    /// For a recording that is played.
    pub fn of_file(path: &Path) -> NoteKeeper {
        NoteKeeper(Place::File(path.to_owned()))
    }

    pub(super) fn of_writer(shared: Weak<Mutex<SharedFile>>, path: PathBuf) -> NoteKeeper {
        NoteKeeper(Place::Writer(shared, path))
    }

    /// The recording that keeps them.
    pub fn path(&self) -> &Path {
        match &self.0 {
            Place::Writer(_, path) | Place::File(path) => path,
        }
    }

    /// Whether it is for a recording that is played, and not for one that is written.
    pub fn is_of_file(&self) -> bool {
        matches!(self.0, Place::File(_))
    }

    /// Appends a note. `ResourceBusy` if another program writes the recording.
    pub fn keep(&self, note: &Note) -> io::Result<()> {
        match &self.0 {
            Place::Writer(shared, path) => {
                // The line has ended before its view.
                let Some(shared) = shared.upgrade() else {
                    return append(path, note);
                };
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.put_now(BlockKind::Note, &note.encode())?;
                shared.flush()
            }
            Place::File(path) => append(path, note),
        }
    }
}

/// Appends a note to a file, at the time of its last block: a look at a recording does not make it longer.
fn append(path: &Path, note: &Note) -> io::Result<()> {
    let mut file = RecordingFile::append_existing(path)?;
    let at_us = file.last_us();
    file.put(BlockKind::Note, &note.encode(), at_us)?;
    file.end()
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use super::super::{Blocks, RecordingSink, RecordingSurvey, Writer};
    use super::*;

    fn note(text: &str) -> Note {
        Note {
            boots_back: 1,
            time_us: 1_234_567,
            text: text.to_owned(),
        }
    }

    fn notes(path: &Path) -> Vec<Note> {
        let mut blocks = Blocks::open(path).unwrap();
        let mut notes = Vec::new();
        while let Some(block) = blocks.next().unwrap() {
            if block.kind == BlockKind::Note {
                notes.push(Note::decode(&block.payload).unwrap());
            }
        }
        notes
    }

    #[test]
    fn notes_are_kept_while_a_recording_is_written_and_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.pwlog");
        let mut writer = Writer::append(&path).unwrap();
        let keeper = writer.notes();
        writer.received(b"boot\n").unwrap();
        keeper.keep(&note("while it runs")).unwrap();
        assert_eq!(notes(&path), [note("while it runs")]);
        let other = NoteKeeper::of_file(&path).keep(&note("by another program"));
        assert_eq!(other.unwrap_err().kind(), ErrorKind::ResourceBusy);
        drop(writer);
        keeper.keep(&note("after the line")).unwrap();
        let before = RecordingSurvey::read(Blocks::open(&path).unwrap()).unwrap();
        NoteKeeper::of_file(&path)
            .keep(&note("afterwards"))
            .unwrap();
        assert_eq!(
            notes(&path),
            ["while it runs", "after the line", "afterwards"].map(note)
        );
        let survey = RecordingSurvey::read(Blocks::open(&path).unwrap()).unwrap();
        assert_eq!((survey.notes, survey.cut_at), (3, None));
        assert_eq!(survey.span_us, before.span_us);
        let gone = NoteKeeper::of_file(&folder.path().join("none.pwlog")).keep(&note("nowhere"));
        assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!folder.path().join("none.pwlog").exists());
    }

    #[test]
    fn a_note_is_cut_between_two_letters_and_any_bytes_are_a_note_or_none() {
        let long = note(&"ü".repeat(TEXT));
        let read = Note::decode(&long.encode()).unwrap();
        assert_eq!(read.text, "ü".repeat(TEXT / 2));
        assert_eq!(Note::decode(&[0xff; 30]), None);
        assert_eq!(Note::decode(&[0, 1, 0xff]).unwrap().text, "\u{fffd}");
    }
}
