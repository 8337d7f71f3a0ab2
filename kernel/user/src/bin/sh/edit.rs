//! Line editing: echo, backspace, Ctrl-U, Ctrl-C, and the last few lines on the arrow keys.

use user::{call, print};

const LINE_BYTES: usize = 96;
const REMEMBERED: usize = 8;

/// A line being typed.
#[derive(Clone, Copy)]
struct Line {
    bytes: [u8; LINE_BYTES],
    used: usize,
}

impl Line {
    const EMPTY: Line = Line {
        bytes: [0; LINE_BYTES],
        used: 0,
    };

    fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.used]).unwrap_or("")
    }
}

/// Where an escape sequence stands: `ESC [ A`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    Bracket,
}

/// Reads lines from the console.
pub struct Editor {
    line: Line,
    history: [Line; REMEMBERED],
    remembered: usize,
    /// How many lines back the arrows have gone.
    back: usize,
    escape: Escape,
    /// Input that came after the end of a line.
    pending: [u8; 64],
    from: usize,
    until: usize,
}

impl Editor {
    /// Nothing typed, nothing remembered.
    pub fn new() -> Editor {
        Editor {
            line: Line::EMPTY,
            history: [Line::EMPTY; REMEMBERED],
            remembered: 0,
            back: 0,
            escape: Escape::None,
            pending: [0; 64],
            from: 0,
            until: 0,
        }
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> &str {
        self.line.used = 0;
        self.back = 0;
        while !self.key() {}
        self.remember();
        self.line.text()
    }

    fn byte(&mut self) -> u8 {
        while self.from == self.until {
            self.until = call::read(&mut self.pending).unwrap_or(0);
            self.from = 0;
        }
        self.from += 1;
        self.pending[self.from - 1]
    }

    /// Takes one key; whether it ended the line.
    fn key(&mut self) -> bool {
        let byte = self.byte();
        match (self.escape, byte) {
            (Escape::Begun, b'[') => self.escape = Escape::Bracket,
            (Escape::Bracket, _) => {
                self.escape = Escape::None;
                match byte {
                    b'A' => self.recall(self.back + 1),
                    b'B' => self.recall(self.back.saturating_sub(1)),
                    _ => {}
                }
            }
            (_, 0x1b) => self.escape = Escape::Begun,
            (_, b'\r' | b'\n') => {
                print!("\n");
                return true;
            }
            (_, 0x03) => {
                print!("^C\n");
                self.line.used = 0;
                return true;
            }
            (_, 0x08 | 0x7f) => self.rub_out(1),
            (_, 0x15) => self.rub_out(self.line.used),
            (_, b' '..=b'~') => {
                self.escape = Escape::None;
                self.put(byte);
            }
            _ => self.escape = Escape::None,
        }
        false
    }

    fn put(&mut self, byte: u8) {
        if self.line.used < LINE_BYTES {
            self.line.bytes[self.line.used] = byte;
            self.line.used += 1;
            print!("{}", byte as char);
        }
    }

    fn rub_out(&mut self, count: usize) {
        for _ in 0..count.min(self.line.used) {
            self.line.used -= 1;
            print!("\x08 \x08");
        }
    }

    fn remember(&mut self) {
        if self.line.used > 0 && self.history[0].text() != self.line.text() {
            self.history.rotate_right(1);
            self.history[0] = self.line;
            self.remembered = (self.remembered + 1).min(REMEMBERED);
        }
    }

    fn recall(&mut self, back: usize) {
        if back > self.remembered {
            return;
        }
        self.rub_out(self.line.used);
        self.back = back;
        let line = if back == 0 {
            Line::EMPTY
        } else {
            self.history[back - 1]
        };
        for &byte in &line.bytes[..line.used] {
            self.put(byte);
        }
    }
}
