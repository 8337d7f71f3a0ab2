//! Requests to end: Ctrl-C, TERM, and HUP when the terminal closes.
//!
//! A command with state to restore (a session, a terminal in raw mode, a halted hart) checks one flag and
//! ends normally.

use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code after Ctrl-C, as shells use it.
pub const INTERRUPTED: i32 = 130;

/// Set by the signal handler.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Installs the handler, and returns its flag.
pub fn watch() -> &'static AtomicBool {
    // Only one handler can be installed; an error means that it is.
    let _ = ctrlc::set_handler(|| ASKED.store(true, Ordering::SeqCst));
    &ASKED
}

/// Ends the program at a signal, after calling `before`.
pub fn at_once(before: fn()) {
    let _ = ctrlc::set_handler(move || {
        before();
        std::process::exit(INTERRUPTED);
    });
}
