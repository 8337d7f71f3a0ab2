//! Keys of the terminal view, and the state they change.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What the terminal view shows.
#[derive(Debug, Default)]
pub struct Look {
    /// The view is frozen; updates are counted and kept.
    pub paused: bool,
    /// The list of keys is open.
    pub help: bool,
    /// Only faults that contain this text, in lower case.
    pub filter: String,
    /// The filter is being typed.
    pub typing: bool,
    /// Number of rows scrolled back from the newest.
    pub back: usize,
    /// Index of the task whose address space is shown.
    pub task: usize,
}

/// The effect of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOutcome {
    /// The view continues.
    Stay,
    /// The user quits: `q` or Ctrl-C.
    Leave,
}

/// Keys with their descriptions.
pub const HELP: [(&str, &str); 8] = [
    ("q, Ctrl-C", "leave"),
    ("space", "pause: the view stands still, nothing is lost"),
    ("/", "filter the faults; Enter keeps it, Esc clears it"),
    ("Up, Down", "scroll the faults by one"),
    ("PgUp, PgDn", "scroll them by ten"),
    ("End", "back to the newest"),
    ("Tab", "the next task's address space"),
    ("?", "this list"),
];

impl Look {
    /// Handles a key.
    pub fn key(&mut self, key: KeyEvent) -> KeyOutcome {
        if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
            return KeyOutcome::Leave;
        }
        if self.typing {
            self.type_in(key.code);
            return KeyOutcome::Stay;
        }
        if std::mem::take(&mut self.help) {
            return KeyOutcome::Stay;
        }
        match key.code {
            KeyCode::Char('q') => return KeyOutcome::Leave,
            KeyCode::Char(' ') => self.paused = !self.paused,
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('/') => self.typing = true,
            KeyCode::Esc => self.filter.clear(),
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
