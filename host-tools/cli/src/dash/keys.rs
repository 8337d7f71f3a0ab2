//! Keys of the terminal view, and the state they change.

use model::history::{GroupBy, TimeSpan};
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Lengths that a span can have, in microseconds; the last one is the whole session.
const SPANS: [Option<u64>; 6] = [
    Some(1_000_000),
    Some(10_000_000),
    Some(60_000_000),
    Some(600_000_000),
    Some(3_600_000_000),
    None,
];
const GROUPS: [GroupBy; 4] = [
    GroupBy::Outcome,
    GroupBy::Cause,
    GroupBy::Task,
    GroupBy::Hart,
];

/// What the middle of the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pane {
    /// Rows of faults.
    #[default]
    Faults,
    /// Pages by time.
    Pages,
    /// Costs by outcome.
    Costs,
    /// The board's text.
    Console,
    /// Notes of a person.
    Notes,
}

/// What the terminal view shows.
#[derive(Debug)]
pub struct Look {
    /// The view is frozen; updates are counted and kept.
    pub paused: bool,
    /// The list of keys is open.
    pub help: bool,
    /// The filter as it was typed.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    /// A note that is being typed.
    pub note: Option<String>,
    /// What the last key led to; until the next key.
    pub said: String,
    /// Number of rows from the newest to the cursor.
    pub back: usize,
    /// Index of the task whose address space is shown.
    pub task: usize,
    /// The middle of the screen.
    pub pane: Pane,
    /// The fault under the cursor is open.
    pub is_open: bool,
    /// What faults are grouped by.
    pub by: GroupBy,
    /// Length of the whole session in microseconds, as far as it is known: no shorter span is chosen in vain.
    pub whole_us: u64,
    /// Index into the lengths of a span.
    length: usize,
    /// How far the end of the span lies before the newest fault, in halves of its length.
    moved: u64,
    /// A span that was drawn with the mouse, instead of the last so many seconds.
    drawn: Option<TimeSpan>,
}

impl Default for Look {
    fn default() -> Self {
        Look {
            paused: false,
            help: false,
            filter: String::new(),
            typing: false,
            note: None,
            said: String::new(),
            back: 0,
            task: 0,
            pane: Pane::Faults,
            is_open: false,
            by: GroupBy::Cause,
            whole_us: u64::MAX,
            length: SPANS.len() - 1,
            moved: 0,
            drawn: None,
        }
    }
}

/// The effect of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyOutcome {
    /// The view continues.
    Stay,
    /// A note was typed.
    Note(String),
    /// The user quits: `q` or Ctrl-C.
    Leave,
}

/// Keys with their descriptions.
pub const HELP: [(&str, &str); 15] = [
    ("q, Ctrl-C", "leave"),
    ("space", "pause: the view stands still, nothing is lost"),
    (
        "/",
        "filter: store, task:2, addr:0x2000-0x3000, killed; Esc clears",
    ),
    ("[ and ]", "a shorter, a longer span of time"),
    ("Left, Right", "move the span by half of its length"),
    ("a", "the whole session"),
    ("g", "group by outcome, cause, task, hart"),
    ("1 2 3 4 5", "faults, pages by time, costs, console, notes"),
    (
        "n",
        "note the open fault or the span's end; a recording keeps it",
    ),
    ("Up, Down", "another fault; PgUp, PgDn: ten further"),
    ("Enter", "open the fault: its walk, its page, commands"),
    ("End", "back to the newest"),
    ("Tab", "the next task's address space"),
    (
        "mouse",
        "drag: a span; right: the whole; click: filter, open a fault",
    ),
    ("?", "this list"),
];

impl Look {
    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> KeyOutcome {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return KeyOutcome::Leave;
        }
        self.said.clear();
        if self.typing {
            self.type_in(key.code);
            return KeyOutcome::Stay;
        }
        if let Some(note) = self.note.take() {
            return self.note_key(note, key.code);
        }
        if std::mem::take(&mut self.help) {
            return KeyOutcome::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return KeyOutcome::Leave,
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc if self.is_open => self.is_open = false,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Enter => self.is_open = !self.is_open,
            KeyCode::Char('[') => self.shorten(),
            KeyCode::Char(']') => self.lengthen(),
            KeyCode::Char('a') => self.select_whole(),
            KeyCode::Left => self.move_span(false),
            KeyCode::Right => self.move_span(true),
            KeyCode::Char('g') => {
                let now = GROUPS.iter().position(|it| *it == self.by).unwrap_or(0);
                self.by = GROUPS[(now + 1) % GROUPS.len()];
            }
            KeyCode::Char('1') => self.pane = Pane::Faults,
            KeyCode::Char('2') => self.pane = Pane::Pages,
            KeyCode::Char('3') => self.pane = Pane::Costs,
            KeyCode::Char('4') => self.pane = Pane::Console,
            KeyCode::Char('5') => self.pane = Pane::Notes,
            KeyCode::Char('n') => self.note = Some(String::new()),
            KeyCode::Tab => self.task = self.task.wrapping_add(1),
            KeyCode::Up => self.back = self.back.saturating_add(1),
            KeyCode::Down => self.back = self.back.saturating_sub(1),
            KeyCode::PageUp => self.back = self.back.saturating_add(10),
            KeyCode::PageDown => self.back = self.back.saturating_sub(10),
            KeyCode::End => self.back = 0,
            _ => {}
        }
        KeyOutcome::Stay
    }

    fn is_part(&self, length: usize) -> bool {
        SPANS[length].is_some_and(|us| us < self.whole_us)
    }

    fn shorten(&mut self) {
        let shorter = (0..self.length).rev().find(|it| self.is_part(*it));
        (self.length, self.moved) = (shorter.unwrap_or(self.length), 0);
        self.drawn = None;
    }

    fn lengthen(&mut self) {
        let longer = (self.length + 1..SPANS.len()).find(|it| self.is_part(*it));
        (self.length, self.moved) = (longer.unwrap_or(SPANS.len() - 1), 0);
        self.drawn = None;
    }

    /// Shows a span of the session until another is chosen.
    pub fn select(&mut self, span: TimeSpan) {
        self.drawn = Some(span);
    }

    /// Shows the whole session.
    pub fn select_whole(&mut self) {
        (self.length, self.moved, self.drawn) = (SPANS.len() - 1, 0, None);
    }

    /// Moves the span by half of its length.
    fn move_span(&mut self, is_later: bool) {
        if let Some(span) = &mut self.drawn {
            let half = span.length_us() / 2;
            let half = if is_later {
                half
            } else {
                half.min(span.from_us)
            };
            let moved = |at: u64| match is_later {
                true => at.saturating_add(half),
                false => at - half,
            };
            (span.from_us, span.end_us) = (moved(span.from_us), moved(span.end_us));
        } else if is_later {
            self.moved = self.moved.saturating_sub(1);
        } else {
            self.moved = self.moved.saturating_add(1);
        }
    }

    /// The span that is shown, of the whole session.
    pub fn span(&self, whole: TimeSpan) -> TimeSpan {
        if let Some(span) = self.drawn {
            return span;
        }
        let Some(length) = SPANS[self.length] else {
            return whole;
        };
        let back = (length / 2).saturating_mul(self.moved);
        let end_us = whole.end_us.saturating_sub(back).max(whole.from_us + 1);
        TimeSpan { end_us, ..whole }.last(length)
    }

    /// A key while a note is typed.
    fn note_key(&mut self, mut note: String, key: KeyCode) -> KeyOutcome {
        match key {
            KeyCode::Enter if note.trim().is_empty() => return KeyOutcome::Stay,
            KeyCode::Enter => return KeyOutcome::Note(note),
            KeyCode::Esc => return KeyOutcome::Stay,
            KeyCode::Backspace => drop(note.pop()),
            KeyCode::Char(letter) => note.push(letter),
            _ => {}
        }
        self.note = Some(note);
        KeyOutcome::Stay
    }

    fn type_in(&mut self, key: KeyCode) {
        match key {
            KeyCode::Enter => self.typing = false,
            KeyCode::Esc => {
                self.typing = false;
                self.filter.clear();
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) => self.filter.extend(letter.to_lowercase()),
            _ => {}
        }
        self.back = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(look: &mut Look, keys: &[KeyCode]) -> KeyOutcome {
        let mut next = KeyOutcome::Stay;
        for code in keys {
            next = look.key(KeyEvent::new(*code, KeyModifiers::NONE));
        }
        next
    }

    #[test]
    fn a_filter_is_typed_kept_and_cleared() {
        let mut look = Look::default();
        let typed = "/Qst?".chars().map(KeyCode::Char).collect::<Vec<_>>();
        assert_eq!(press(&mut look, &typed), KeyOutcome::Stay);
        assert_eq!(
            (&*look.filter, look.typing, look.help),
            ("qst?", true, false)
        );
        press(&mut look, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!((&*look.filter, look.typing), ("qst", false));
        press(&mut look, &[KeyCode::Esc]);
        assert_eq!(look.filter, "");
        assert_eq!(press(&mut look, &[KeyCode::Char('q')]), KeyOutcome::Leave);
    }

    #[test]
    fn a_span_gets_shorter_and_longer_and_moves() {
        let whole = TimeSpan {
            from_us: 0,
            end_us: 30_000_000,
        };
        let mut look = Look {
            whole_us: whole.length_us(),
            ..Look::default()
        };
        let shown = |look: &Look| (look.span(whole).from_us, look.span(whole).end_us);
        assert_eq!(shown(&look), (0, 30_000_000));
        // Of the lengths, 10 s is the longest that is a part of it.
        press(&mut look, &[KeyCode::Char('[')]);
        assert_eq!(shown(&look), (20_000_000, 30_000_000));
        press(&mut look, &[KeyCode::Left]);
        assert_eq!(shown(&look), (15_000_000, 25_000_000));
        press(
            &mut look,
            &[
                KeyCode::Right,
                KeyCode::Right,
                KeyCode::Char('['),
                KeyCode::Char('['),
            ],
        );
        assert_eq!(shown(&look), (29_000_000, 30_000_000));
        press(&mut look, &[KeyCode::Char(']'), KeyCode::Char(']')]);
        assert_eq!(shown(&look), (0, 30_000_000));
    }

    #[test]
    fn a_note_is_typed_as_it_is_or_left() {
        let mut look = Look::default();
        let typed: Vec<_> = "nQuit? q".chars().map(KeyCode::Char).collect();
        assert_eq!(press(&mut look, &typed), KeyOutcome::Stay);
        assert_eq!(look.note.as_deref(), Some("Quit? q"));
        let said = press(&mut look, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!(said, KeyOutcome::Note("Quit? ".to_owned()));
        press(&mut look, &[KeyCode::Char('n'), KeyCode::Char('x')]);
        assert_eq!(press(&mut look, &[KeyCode::Esc]), KeyOutcome::Stay);
        let empty = [KeyCode::Char('n'), KeyCode::Char(' '), KeyCode::Enter];
        assert_eq!(press(&mut look, &empty), KeyOutcome::Stay);
        assert_eq!(look.note, None);
    }

    #[test]
    fn help_closes_with_any_key_and_ctrl_c_leaves_from_everywhere() {
        let mut look = Look::default();
        press(&mut look, &[KeyCode::Char('?')]);
        assert!(look.help);
        assert_eq!(press(&mut look, &[KeyCode::Char('q')]), KeyOutcome::Stay);
        assert!(!look.help);
        press(&mut look, &[KeyCode::Char('/')]);
        let leave = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(look.key(leave), KeyOutcome::Leave);
    }
}
