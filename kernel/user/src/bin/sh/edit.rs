//! Line editing: echo, backspace, Ctrl-U, Ctrl-C, and the last few lines on the arrow keys.

use core::fmt::Write;

const LINE_BYTES: usize = 96;
const REMEMBERED: usize = 8;

const CTRL_C: u8 = 0x03;
const CTRL_U: u8 = 0x15;
const ESCAPE: u8 = 0x1b;

/// The line being edited.
#[derive(Clone, Copy)]
struct EditedLine {
    bytes: [u8; LINE_BYTES],
    used: usize,
}

impl EditedLine {
    const EMPTY: EditedLine = EditedLine {
        bytes: [0; LINE_BYTES],
        used: 0,
    };

    fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("")
    }
}

/// State of a key's escape sequence. ECMA-48, §5.4: `ESC [`, parameters, and a final byte; in a terminal's
/// application mode, `ESC O` and that byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    Parameters,
    Last,
}

/// The line that is typed, and those before it.
pub struct Editor {
    line: EditedLine,
    history: [EditedLine; REMEMBERED],
    remembered: usize,
    /// How many lines back the arrows have gone.
    back: usize,
    escape: Escape,
    /// The last byte ended a line as `\r`: a `\n` now belongs to it.
    returned: bool,
}

impl Editor {
    /// An editor without text and history.
    pub fn new() -> Editor {
        Editor {
            line: EditedLine::EMPTY,
            history: [EditedLine::EMPTY; REMEMBERED],
            remembered: 0,
            back: 0,
            escape: Escape::None,
            returned: false,
        }
    }

    /// Starts an empty line.
    pub fn begin(&mut self) {
        self.line.used = 0;
        self.back = 0;
        self.escape = Escape::None;
    }

    /// The text typed so far.
    pub fn text(&self) -> &str {
        self.line.text()
    }

    /// Handles one byte from the keyboard and updates `screen`; returns whether it ended the line. Errors of
    /// the screen cannot be reported.
    pub fn key(&mut self, byte: u8, screen: &mut impl Write) -> bool {
        let after_return = core::mem::replace(&mut self.returned, byte == b'\r');
        match byte {
            b'\n' if after_return => {}
            b'\r' | b'\n' => {
                let _ = screen.write_char('\n');
                self.remember();
                return true;
            }
            CTRL_C => {
                let _ = screen.write_str("^C\n");
                self.line.used = 0;
                return true;
            }
            0x08 | 0x7f => self.rub_out(1, screen),
            CTRL_U => self.rub_out(self.line.used, screen),
            ESCAPE => self.escape = Escape::Begun,
            b' '..=b'~' => self.printable(byte, screen),
            _ => {}
        }
        if byte < b' ' && byte != ESCAPE {
            self.escape = Escape::None;
        }
        false
    }

    fn printable(&mut self, byte: u8, screen: &mut impl Write) {
        self.escape = match (self.escape, byte) {
            (Escape::None, _) => return self.put(byte, screen),
            (Escape::Begun, b'[') => Escape::Parameters,
            (Escape::Begun, b'O') => Escape::Last,
            (Escape::Parameters, b' '..=b'?') => Escape::Parameters,
            (Escape::Begun, _) => Escape::None,
            (Escape::Parameters | Escape::Last, _) => {
                match byte {
                    b'A' => self.recall(self.back + 1, screen),
                    b'B' => self.recall(self.back.saturating_sub(1), screen),
                    _ => {}
                }
                Escape::None
            }
        }
    }

    fn put(&mut self, byte: u8, screen: &mut impl Write) {
        let Some(place) = self.line.bytes.get_mut(self.line.used) else {
            let _ = screen.write_char('\x07');
            return;
        };
        *place = byte;
        self.line.used += 1;
        let _ = screen.write_char(byte as char);
    }

    fn rub_out(&mut self, count: usize, screen: &mut impl Write) {
        for _ in 0..count.min(self.line.used) {
            self.line.used -= 1;
            let _ = screen.write_str("\x08 \x08");
        }
    }

    fn remember(&mut self) {
        if self.line.used > 0 && self.history[0].text() != self.line.text() {
            self.history.rotate_right(1);
            self.history[0] = self.line;
            self.remembered = (self.remembered + 1).min(REMEMBERED);
        }
    }

    fn recall(&mut self, back: usize, screen: &mut impl Write) {
        if back > self.remembered {
            return;
        }
        self.rub_out(self.line.used, screen);
        self.back = back;
        let line = match back.checked_sub(1) {
            Some(at) => self.history[at],
            None => EditedLine::EMPTY,
        };
        for &byte in &line.bytes[..line.used] {
            self.put(byte, screen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types all keys; returns the finished lines, and the screen after the last one.
    fn type_in(keys: &str) -> (Vec<String>, String) {
        let (mut editor, mut lines, mut echo) = (Editor::new(), Vec::new(), String::new());
        editor.begin();
        for byte in keys.bytes() {
            if editor.key(byte, &mut echo) {
                lines.push(editor.text().to_owned());
                editor.begin();
            }
        }
        (lines, on_screen(&echo))
    }

    /// What a terminal shows on its last line, up to the cursor and beyond.
    fn on_screen(echo: &str) -> String {
        let (mut shown, mut at) = (Vec::new(), 0);
        for character in echo.chars().filter(|&character| character != '\x07') {
            match character {
                '\n' => (shown, at) = (Vec::new(), 0),
                '\x08' => at -= 1,
                other => {
                    shown.resize(shown.len().max(at + 1), ' ');
                    shown[at] = other;
                    at += 1;
                }
            }
        }
        shown.into_iter().collect::<String>().trim_end().to_owned()
    }

    #[test]
    fn what_is_typed_is_the_line_and_is_shown() {
        assert_eq!(
            type_in("hello ox64\rp"),
            (vec!["hello ox64".into()], "p".into())
        );
        assert_eq!(type_in("ps\nfree\n").0, ["ps", "free"]);
    }

    #[test]
    fn a_return_and_a_newline_end_one_line() {
        assert_eq!(type_in("ps\r\nfree\r\n").0, ["ps", "free"]);
        assert_eq!(type_in("\r\r\n\n").0, ["", "", ""]);
    }

    #[test]
    fn backspace_and_ctrl_u_take_away_what_they_show() {
        assert_eq!(type_in("pz\x08s\x7f\x7f\x7ffree"), (vec![], "free".into()));
        assert_eq!(type_in("nonsense\x15ps"), (vec![], "ps".into()));
        assert_eq!(type_in("nonsense\x15ps\r").0, ["ps"]);
    }

    #[test]
    fn ctrl_c_gives_a_line_up_and_does_not_remember_it() {
        assert_eq!(type_in("kill 1\x03ps\r\x1b[A\x1b[A").0, ["", "ps"]);
        assert_eq!(type_in("kill 1\x03ps\r\x1b[A\x1b[A").1, "ps");
    }

    #[test]
    fn arrows_lead_through_the_last_lines_and_back() {
        let (up, down) = ("\x1b[A", "\x1b[B");
        let typed = "one\rtwo\rtwo\r";
        let shown = |keys: String| type_in(&format!("{typed}{keys}")).1;
        assert_eq!(shown(up.into()), "two");
        assert_eq!(shown(up.repeat(2)), "one", "the same line twice is one");
        assert_eq!(shown(up.repeat(9)), "one");
        assert_eq!(shown(format!("{up}{up}{down}")), "two");
        assert_eq!(shown(format!("draft{up}{down}")), "");
        assert_eq!(type_in(&format!("{typed}{up}{up}\r")).0[3], "one");
    }

    #[test]
    fn only_the_last_eight_lines_are_remembered() {
        let lines: String = (0..12).map(|n| format!("hello {n}\r")).collect();
        assert_eq!(type_in(&(lines + &"\x1b[A".repeat(20))).1, "hello 4");
    }

    #[test]
    fn keys_that_mean_nothing_leave_nothing() {
        let delete_home_f5_ctrl_right_alt_x = "\x1b[3~\x1b[1~\x1b[H\x1b[15~\x1b[1;5C\x1bx";
        let typed = format!("p{delete_home_f5_ctrl_right_alt_x}\x01\x0cs\r");
        assert_eq!(type_in(&typed).0, ["ps"]);
        assert_eq!(type_in("hello\r\x1bOA\r").0, ["hello", "hello"]);
    }

    #[test]
    fn a_key_cut_short_costs_no_line() {
        assert_eq!(type_in("ps\x1b\r[A\r").0, ["ps", "[A"]);
        assert_eq!(type_in("ps\x1b[\rfree\r").0, ["ps", "free"]);
    }

    #[test]
    fn a_line_that_is_full_takes_no_more() {
        let (lines, _) = type_in(&("x".repeat(LINE_BYTES + 5) + "\x08y\r"));
        assert_eq!(lines, ["x".repeat(LINE_BYTES - 1) + "y"]);
    }
}
