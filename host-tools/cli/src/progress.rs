//! A progress bar on stderr, for steps that take long.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::verbosity;

/// No bar is shown for shorter steps.
const PATIENCE: Duration = Duration::from_millis(500);

/// Runs a step that reports bytes done and bytes in total.
pub fn with<T>(what: &'static str, step: impl FnOnce(&mut dyn FnMut(u64, u64)) -> T) -> T {
    let started = Instant::now();
    let mut bar: Option<ProgressBar> = None;
    let result = step(&mut |done, total| {
        if verbosity::is_quiet() || !stderr().is_terminal() || started.elapsed() < PATIENCE {
            return;
        }
        let bar = bar.get_or_insert_with(|| new_bar(what, total));
        bar.set_length(total);
        bar.set_position(done);
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}

fn new_bar(what: &'static str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left",
    );
    let bar = ProgressBar::new(total).with_message(what);
    match style {
        Ok(style) => bar.with_style(style),
        // The template is a constant and valid; the crate's own style would do too.
        Err(_) => bar,
    }
}
