//! Filters a board's output for the terminal: text and colours only.
//!
//! A terminal executes control codes: it sends answers as if they were typed, sets its title, writes the
//! clipboard, changes its character set. A crashed or hostile board must not cause that. Codes as in ECMA-48
//! and xterm's `ctlseqs`.

const BELL: u8 = 0x07;
const ESCAPE: u8 = 0x1b;
/// Longest colour code that is passed: an RGB foreground and background, and some attributes.
const LONGEST: usize = 64;
/// A control string, such as a title, that is longer than this is treated as text again.
const STRING: usize = 4096;

/// Position in a control code.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EscapeState {
    Text,
    /// After ESC, and after the bytes from space to `/` that may follow it.
    Escape,
    /// After ESC [: parameters, and a final letter.
    Control,
    /// In a control string, ended by BEL or ESC \; its length so far.
    String(usize),
    /// After 0xC2, the first byte of U+0080 to U+00BF.
    Latin,
    /// In a UTF-8 character; number of bytes to come.
    Character(u8),
}

/// The filter state.
pub struct Escapes {
    state: EscapeState,
    /// The current code, which passes if it is a colour.
    code: Vec<u8>,
    /// Number of control sequences removed so far.
    dropped: u64,
    has_colour: bool,
}

impl Default for Escapes {
    fn default() -> Self {
        Escapes {
            state: EscapeState::Text,
            code: Vec::new(),
            dropped: 0,
            has_colour: false,
        }
    }
}

impl Escapes {
    /// Number of codes removed so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether a colour passed, so that the terminal's own must be restored.
    pub fn has_colour(&self) -> bool {
        self.has_colour
    }

    /// Filters a byte; output is appended to `out`.
    pub fn pass(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            EscapeState::Text => self.text(byte, out),
            EscapeState::Escape => self.escape(byte, out),
            EscapeState::Control => self.control(byte, out),
            EscapeState::String(length) => self.string(byte, length, out),
            EscapeState::Latin if (0x80..0xa0).contains(&byte) => self.drop_code(),
            EscapeState::Latin if (0xa0..0xc0).contains(&byte) => {
                out.extend([0xc2, byte]);
                self.state = EscapeState::Text;
            }
            EscapeState::Latin => self.text(byte, out),
            EscapeState::Character(left) if (0x80..0xc0).contains(&byte) => {
                out.push(byte);
                self.state = match left {
                    0 | 1 => EscapeState::Text,
                    left => EscapeState::Character(left - 1),
                };
            }
            EscapeState::Character(_) => self.text(byte, out),
        }
    }

    fn text(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.state = EscapeState::Text;
        match byte {
            ESCAPE => {
                self.code.clear();
                self.code.push(byte);
                self.state = EscapeState::Escape;
            }
            b'\n' | b'\r' | b'\t' | 0x08 | BELL | b' '..=b'~' => out.push(byte),
            // Padding, which terminals ignore.
            0 | 0x7f => {}
            // Other controls: answer back, character sets, flow control; and the one-byte forms of ESC and a
            // letter.
            ..0x20 | 0x80..0xa0 => self.drop_code(),
            0xc2 => self.state = EscapeState::Latin,
            0xc3..0xf5 => {
                out.push(byte);
                let follow = 1 + u8::from(byte >= 0xe0) + u8::from(byte >= 0xf0);
                self.state = EscapeState::Character(follow);
            }
            _ => out.push(byte),
        }
    }

    fn escape(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'[' if self.code.len() == 1 => {
                self.code.push(byte);
                self.state = EscapeState::Control;
            }
            b']' | b'P' | b'X' | b'^' | b'_' if self.code.len() == 1 => {
                self.state = EscapeState::String(0);
            }
            b' '..=b'/' if self.code.len() < LONGEST => self.code.push(byte),
            0x30..=0x7e => self.drop_code(),
            _ => {
                self.drop_code();
                self.text(byte, out);
            }
        }
    }

    fn control(&mut self, byte: u8, out: &mut Vec<u8>) {
        match byte {
            b'm' if self.code[2..]
                .iter()
                .all(|it| matches!(it, b'0'..=b'9' | b';' | b':')) =>
            {
                self.code.push(byte);
                out.append(&mut self.code);
                self.has_colour = true;
                self.state = EscapeState::Text;
            }
            0x20..=0x3f if self.code.len() < LONGEST => self.code.push(byte),
            0x40..=0x7e => self.drop_code(),
            _ => {
                self.drop_code();
                self.text(byte, out);
            }
        }
    }

    fn string(&mut self, byte: u8, length: usize, out: &mut Vec<u8>) {
        match byte {
            BELL | 0x9c => self.drop_code(),
            // ESC \ ends it; any other code ends it too, and is filtered itself.
            ESCAPE => {
                self.dropped += 1;
                self.text(byte, out);
            }
            b'\n' | b'\r' => {
                self.drop_code();
                self.text(byte, out);
            }
            _ if length >= STRING => self.drop_code(),
            _ => self.state = EscapeState::String(length + 1),
        }
    }

    fn drop_code(&mut self) {
        self.dropped += 1;
        self.code.clear();
        self.state = EscapeState::Text;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(bytes: &[u8]) -> (String, u64) {
        let (mut escapes, mut out) = (Escapes::default(), Vec::new());
        for byte in bytes {
            escapes.pass(*byte, &mut out);
        }
        (
            String::from_utf8_lossy(&out).into_owned(),
            escapes.dropped(),
        )
    }

    #[test]
    fn text_and_colours_pass() {
        let text =
            "pw> \u{1b}[1;31mred\u{1b}[0m \u{1b}[38:2::1:2:3mrgb\u{1b}[m ü ‰ 𝄞 \t\u{8}\u{7}\r\n";
        assert_eq!(shown(text.as_bytes()), (text.to_owned(), 0));
    }

    #[test]
    fn what_a_terminal_would_obey_does_not() {
        for code in [
            "\u{1b}[2J",
            "\u{1b}[H",
            "\u{1b}[6n",
            "\u{1b}[c",
            "\u{1b}[?1049h",
            "\u{1b}[>4;2m",
            "\u{1b}[?4m",
            "\u{1b}[1 m",
            "\u{1b}]0;title\u{7}",
            "\u{1b}]52;c;aGVsbG8=\u{1b}\\",
            "\u{1b}P$qm\u{1b}\\",
            "\u{1b}_G\u{1b}\\",
            "\u{1b}c",
            "\u{1b}(0",
            "\u{1b}#8",
            "\u{e}",
            "\u{5}",
            "\u{9b}2J",
            "\u{9d}0;title\u{7}",
        ] {
            let (text, dropped) = shown(format!("a{code}b").as_bytes());
            assert!(
                text.starts_with('a') && text.ends_with('b'),
                "{code:?}: {text:?}"
            );
            assert!(
                !text.contains('\u{1b}') && dropped > 0,
                "{code:?}: {text:?}"
            );
            assert!(
                !text.chars().any(|it| ('\u{80}'..'\u{a0}').contains(&it)),
                "{code:?}"
            );
        }
        assert_eq!(shown(b"a\x9b2Jb").0, "a2Jb");
        assert_eq!(shown(b"a\x00\x7fb"), ("ab".to_owned(), 0));
    }

    #[test]
    fn what_never_ends_hides_no_more_than_its_line() {
        assert_eq!(shown(b"\x1b]0;no end\nnext").0, "\nnext");
        assert_eq!(shown(b"\x1b[12\nnext").0, "\nnext");
        let long = [&b"\x1b]"[..], &[b'x'; 2 * STRING], b"end"].concat();
        assert!(shown(&long).0.ends_with("end"));
    }

    proptest! {
        /// For any input in any pieces, ESC in the output starts a colour.
        #[test]
        fn no_other_code_passes(bytes in proptest::collection::vec(
            prop_oneof![Just(0x1bu8), Just(b'['), Just(b']'), Just(b'm'), Just(0xc2), any::<u8>()], 0..200)) {
            let (mut escapes, mut out) = (Escapes::default(), Vec::new());
            for byte in &bytes {
                escapes.pass(*byte, &mut out);
            }
            let mut rest = &out[..];
            while let Some(at) = rest.iter().position(|byte| *byte == ESCAPE) {
                rest = &rest[at + 1..];
                prop_assert_eq!(rest.first(), Some(&b'['));
                let end = rest[1..].iter().position(|it| !matches!(it, b'0'..=b'9' | b';' | b':'));
                prop_assert_eq!(end.map(|end| rest[1 + end]), Some(b'm'));
            }
            let is_control = |byte: &u8| *byte < 0x20 && !matches!(*byte, 7..=10 | 13 | ESCAPE);
            prop_assert!(!out.iter().any(is_control));
            let text = String::from_utf8_lossy(&out);
            let is_c1 = |it: char| ('\u{80}'..'\u{a0}').contains(&it);
            prop_assert!(!text.chars().any(is_c1));
        }
    }
}
