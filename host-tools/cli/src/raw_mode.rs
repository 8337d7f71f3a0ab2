//! Raw mode of the user's terminal, while a board's console is on it.

use std::io::{self, IsTerminal};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

/// Ctrl-], which ends the command as in telnet: no shell and no gdb uses it.
pub const LEAVE: u8 = 0x1d;

/// Raw mode of the terminal, until this is dropped.
pub struct RawMode;

/// The terminal's settings before raw mode.
static BEFORE: std::sync::Mutex<Option<Termios>> = std::sync::Mutex::new(None);

impl RawMode {
    /// Enters raw mode if standard input is a terminal.
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

    /// Restores the terminal; also called before an immediate exit.
    pub fn restore() {
        let before = BEFORE.lock().unwrap_or_else(|it| it.into_inner()).take();
        if let Some(before) = before {
            // The terminal may be closed, then nothing is to be restored.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        RawMode::restore();
    }
}
