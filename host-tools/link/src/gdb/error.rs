//! What a stub does not give.

use std::fmt;
use std::io;

use super::patient::PATIENCE;

/// Why a stub gave no answer.
#[derive(Debug)]
pub enum StubError {
    /// The connection was refused or broke.
    Line(io::Error),
    /// The user wants no answer any more.
    Stopped,
    /// No whole answer came in time; so many bytes did.
    Late {
        /// Bytes that came since the question began.
        heard: u64,
    },
    /// Answers came that cannot be what was sent.
    Damaged,
    /// It does not answer as a stub does.
    NoStub,
    /// It does not describe its registers.
    NoDescription,
    /// It has no such register, or does not tell what it holds.
    Register(String),
}

impl fmt::Display for StubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StubError::Line(error) => error.fmt(f),
            StubError::Late { heard: 0 } => write!(
                f,
                "no answer within {} s; is it a gdb stub, and is no other gdb attached?",
                PATIENCE.as_secs()
            ),
            StubError::Late { heard } => write!(
                f,
                "no whole answer within {} s: {heard} bytes came; is the line so slow, or does \
                 something else speak on it?",
                PATIENCE.as_secs()
            ),
            StubError::Damaged => f.write_str(
                "answers come damaged: the line changes, drops or doubles bytes; is it 8-bit \
                 clean, `stty raw` on both ends of a terminal, no flow control?",
            ),
            StubError::Stopped => f.write_str("stopped; the target is as it was found"),
            StubError::NoStub => f.write_str("what answers is no gdb stub"),
            StubError::NoDescription => {
                f.write_str("the stub does not describe its registers; give --satp and --xlen")
            }
            StubError::Register(name) => {
                write!(f, "the stub does not tell register {name}; give --satp")
            }
        }
    }
}

impl std::error::Error for StubError {}
