//! A terminal that passes every key on, for as long as a board's console is on it.

use std::io::{self, IsTerminal};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ctrl-], as telnet has it.
pub const LEAVE: u8 = 0x1d;

/// The terminal passes every key on, until this goes.
pub struct RawMode;

/// How the terminal was before.
static BEFORE: std::sync::Mutex<Option<Termios>> = std::sync::Mutex::new(None);

impl RawMode {
    /// Where standard input is a terminal.
    pub fn begin() -> io::Result<RawMode> {
        let stdin = io::stdin();
        if stdin.is_terminal() {
            let before = tcgetattr(&stdin)?;
            let mut modes = before.clone();
            modes.make_raw();
            tcsetattr(&stdin, OptionalActions::Now, &modes)?;
            *BEFORE.lock().unwrap_or_else(|it| it.into_inner()) = Some(before);
        }
        Ok(RawMode)
    }

    /// Puts the terminal right; also for whoever ends the program at once.
    pub fn restore() {
        let before = BEFORE.lock().unwrap_or_else(|it| it.into_inner()).take();
        if let Some(before) = before {
            // The terminal may be gone: then there is nothing to put right.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        RawMode::restore();
    }
}
