//! Notes of a person in the terminal view.

use link::recording::NoteKeeper;
use model::Live;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;
use view::faults::seconds;
use view::words::printable;

use super::fit::fit;
use super::shown::{Shown, head};
use crate::dash::notes;

/// Shows a note from now on and keeps it, if there is a recording; returns what to say about it.
pub fn set(live: &mut Live, keeper: Option<&NoteKeeper>, at_us: u64, text: &str) -> String {
    let note = notes::note(live, at_us, text);
    let kept = notes::keep(live, keeper, &note);
    live.apply(notes::update(note));
    match kept {
        Ok(path) => format!("the note is kept in {}", path.display()),
        Err(why) => format!("the note is shown, but not kept: {why}"),
    }
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
        let line = format!("{:>12}  {}", seconds(note.at_us), printable(&note.text));
        Line::raw(fit(&line, area.width))
    });
    let lines: Vec<Line<'_>> = std::iter::once(head(title)).chain(lines).collect();
    frame.render_widget(Paragraph::new(lines), area);
}
