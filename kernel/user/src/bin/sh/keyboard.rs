//! The console's input, as lines.

use user::call;
use user::text::Out;

use crate::edit::Editor;

/// Input of the console, some of it possibly after the end of a line.
pub struct Keyboard {
    bytes: [u8; 64],
    from: usize,
    until: usize,
}

impl Keyboard {
    /// A keyboard without input.
    pub fn new() -> Keyboard {
        Keyboard {
            bytes: [0; 64],
            from: 0,
            until: 0,
        }
    }

    /// The next line, without its end. What came at once is shown at once.
    pub fn line<'a>(&mut self, editor: &'a mut Editor) -> &'a str {
        editor.begin();
        loop {
            let mut screen = Out::new();
            while self.from < self.until {
                self.from += 1;
                if editor.key(self.bytes[self.from - 1], &mut screen) {
                    return editor.text();
                }
            }
            drop(screen);
            self.from = 0;
            self.until = call::read(&mut self.bytes).unwrap_or(0);
        }
    }
}
