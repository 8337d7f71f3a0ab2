//! Sets a note: for the views, and in the recording.

use std::path::Path;

use link::recording::{Note, NoteKeeper};
use model::Live;
use model::history::BoardTime;
use model::live::Update;

/// The update of a note that a recording holds.
pub fn update(note: Note) -> Update {
    let at = BoardTime {
        boots_back: note.boots_back,
        time_us: note.time_us,
    };
    Update::Note(at, note.text)
}

/// The note that says `text` of a point of the session axis.
pub fn note(live: &Live, at_us: u64, text: &str) -> Note {
    let at = live.history.board_time(at_us);
    Note {
        boots_back: at.boots_back,
        time_us: at.time_us,
        text: text.trim().to_owned(),
    }
}

/// Appends a note to the recording and returns its path; otherwise why it is kept nowhere.
pub fn keep<'a>(
    live: &Live,
    keeper: Option<&'a NoteKeeper>,
    note: &Note,
) -> Result<&'a Path, String> {
    let keeper =
        keeper.ok_or("nothing is recorded: `pagewalk dash SPEC --record RUN.pwlog` does")?;
    // At the end of the file it would be about a boot that has not been played yet, and be played itself.
    if keeper.is_of_file() && !live.ended {
        return Err("the recording is still played: RUN.pwlog@max plays it at once".to_owned());
    }
    keeper.keep(note).map_err(|error| error.to_string())?;
    Ok(keeper.path())
}
