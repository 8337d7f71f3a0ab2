//! Notes of a person in the terminal view.

use link::recording::{Note, NoteKeeper};
use model::Live;
use model::live::Update;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use view::words::printable;

use super::fit::fit;
use super::shown::{Shown, head};

/// Shows a note from now on and keeps it, if there is a recording; returns what to say about it.
pub fn keep(live: &mut Live, keeper: Option<&NoteKeeper>, at_us: u64, text: String) -> String {
    let at = live.history.board_time(at_us);
    let note = Note {
        boots_back: at.boots_back,
        time_us: at.time_us,
        text: text.trim().to_owned(),
    };
    let said = match keeper.map(|keeper| (keeper.path(), keeper.keep(&note))) {
        Some((path, Ok(()))) => format!("the note is kept in {}", path.display()),
        Some((_, Err(error))) => format!("the note is shown, but not kept: {error}"),
        None => "the note is shown, but not kept: --record RUN.pwlog records the line".to_owned(),
    };
    live.apply(Update::Note(at, note.text));
    said
}

/// The notes of the selected span, the last ones where there is no room for all.
pub fn draw(frame: &mut Frame, area: Rect, shown: &Shown<'_>) {
    let span = shown.summary.bins.span;
    let mut notes: Vec<_> = shown.live.history.notes().collect();
    notes.retain(|note| span.contains(note.at_us));
    notes.sort_by_key(|note| note.at_us);
    let title = match notes.is_empty() {
        true => "no notes in this span; n sets one",
        false => "notes",
    };
    let room = usize::from(area.height.saturating_sub(1));
    let last = notes.iter().skip(notes.len().saturating_sub(room));
    let lines = last.map(|note| {
        let (seconds, us) = (note.at_us / 1_000_000, note.at_us % 1_000_000);
        let line = format!("{seconds:>5}.{us:06}  {}", printable(&note.text));
        Line::raw(fit(&line, area.width))
    });
    let lines: Vec<Line<'_>> = std::iter::once(head(title)).chain(lines).collect();
    frame.render_widget(Paragraph::new(lines), area);
}
