//! Opens a line that may have to be waited for.

use anyhow::Context;
use link::transport::{Spec, TargetLine};

/// Opens a line. One that may come back is waited for, with messages on stderr; with `once` it is not.
/// `line_end` ends each message: a terminal in raw mode does not return the cursor by itself.
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
