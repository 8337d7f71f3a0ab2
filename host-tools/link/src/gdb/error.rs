//! What a stub does not give.

use std::io;

use thiserror::Error;

use super::patient::PATIENCE;
use crate::words::counted;

/// Why a stub gave no answer.
#[derive(Debug, Error)]
pub enum StubError {
    /// The connection was refused or broke.
    #[error(transparent)]
    Line(io::Error),
    /// The user wants no answer any more.
    #[error("stopped; the target is as it was found")]
    Stopped,
    /// No whole answer came in time; so many bytes did.
    #[error("{}", late(*heard))]
    Late {
        /// Bytes that came since the question began.
        heard: u64,
    },
    /// Answers came that cannot be what was sent.
    #[error(
        "answers come damaged: the line changes, drops or doubles bytes; is it 8-bit clean, `stty raw` on both ends of a terminal, no flow control?"
    )]
    Damaged,
    /// It does not answer as a stub does.
    #[error("what answers is no gdb stub")]
    NoStub,
    /// It does not describe its registers.
    #[error("the stub does not describe its registers; give --satp and --xlen")]
    NoDescription,
    /// It has no such register, or does not tell what it holds.
    #[error("the stub does not tell register {0}; give --satp")]
    Register(String),
}

/// What to say when no whole answer came in time, and so many bytes did.
fn late(heard: u64) -> String {
    let seconds = PATIENCE.as_secs();
    match heard {
        0 => {
            format!("no answer within {seconds} s; is it a gdb stub, and is no other gdb attached?")
        }
        heard => format!(
            "no whole answer within {seconds} s: {} came; is the line so slow, or does \
             something else speak on it?",
            counted(heard, "byte")
        ),
    }
}
