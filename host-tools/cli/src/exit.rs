//! Exit codes: 0 for a result, 1 for an error, 2 for wrong usage.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGXFSZ;

/// A command line that parses and makes no sense: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code for a result; an error is printed on stderr with its causes.
pub fn code(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // `pagewalk map … | head`: the reader has closed the pipe.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            match error.is::<UsageError>() {
                true => ExitCode::from(2),
                false => ExitCode::from(1),
            }
        }
    }
}

/// Message of the build without full features.
#[cfg(not(feature = "full"))]
pub const CARDS_ONLY: &str = "built for cards only: just install";

/// The error for a command that only the full build has.
#[cfg(not(feature = "full"))]
pub fn elsewhere(words: &[String]) -> anyhow::Result<()> {
    let verb = words.first().map_or("", String::as_str);
    anyhow::bail!("no `{verb}` here, only `board`, `romfs`, `image` and `flash`: {CARDS_ONLY}")
}

/// Makes a write above `ulimit -f` an error, as on a full disk: by default SIGXFSZ ends the program without a
/// message and leaves a partial file.
pub fn limits_are_errors() {
    // The flag is not read: the handler only prevents the default action.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false)));
}

/// Whether the reader of stdout has closed it. A broken line to a board is an ordinary error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let is_of_a_line = error.chain().any(is_of_a_line);
    let is_broken = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    };
    !is_of_a_line && error.chain().any(is_broken)
}

#[cfg(feature = "full")]
fn is_of_a_line(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<link::session::AgentError>()
        || cause.is::<link::gdb::StubError>()
        || cause.is::<link::memory::ReadError>()
}

#[cfg(not(feature = "full"))]
fn is_of_a_line(_: &(dyn std::error::Error + 'static)) -> bool {
    false
}

#[cfg(all(test, feature = "full"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_broke_is_an_error_and_a_reader_that_left_is_none() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&broken().into()));
        let line = anyhow::Error::from(link::session::AgentError::Line(broken()));
        assert!(!is_closed_pipe(&line.context("reading tasks")));
        assert!(!is_closed_pipe(
            &link::gdb::StubError::Line(broken()).into()
        ));
    }
}
