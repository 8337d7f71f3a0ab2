//! A line that is waited for, and who is told.

use anyhow::Context;
use link::transport::{Spec, TargetLine};

/// Opens a line. One that may come back is waited for, which is said on stderr; with `once` it is
/// not. `line_end` goes before the end of what is said: a terminal in raw mode does not go back to
/// the left by itself.
pub fn open(spec: &Spec, once: bool, line_end: &'static str) -> anyhow::Result<TargetLine> {
    let name = spec.to_string();
    let line = match once {
        true => TargetLine::open(spec),
        false => {
            let name = name.clone();
            let tell = Box::new(move |news| eprintln!("note: {name}: {news}{line_end}"));
            TargetLine::open_returning(spec, tell)
        }
    };
    line.context(name)
}
