//! Being asked to end: Ctrl-C, TERM, and HUP when the terminal goes.
//!
//! A command that holds something (a session with a board, a terminal in raw mode, a hart that is
//! halted) looks at one flag and ends by the way it always ends by.

use std::sync::atomic::{AtomicBool, Ordering};

/// As a shell has it of a command that Ctrl-C ended.
pub const INTERRUPTED: i32 = 130;

/// Set once somebody has asked.
static ASKED: AtomicBool = AtomicBool::new(false);

/// The flag, and a handler that sets it from now on.
pub fn watch() -> &'static AtomicBool {
    // There is one handler; it was there before if this fails.
    let _ = ctrlc::set_handler(|| ASKED.store(true, Ordering::SeqCst));
    &ASKED
}

/// Ends the program at once when it is asked to, after `before`.
pub fn at_once(before: fn()) {
    let _ = ctrlc::set_handler(move || {
        before();
        std::process::exit(INTERRUPTED);
    });
}
