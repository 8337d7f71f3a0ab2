//! Errors of a gdb stub.

use std::io;

use thiserror::Error;

use super::patient::PATIENCE;
use crate::words::counted;

/// Why a request to a stub failed.
#[derive(Debug, Error)]
pub enum StubError {
    /// The connection was refused or broke.
    #[error(transparent)]
    Line(io::Error),
    /// The user interrupted.
    #[error("stopped; the target is as it was found")]
    Stopped,
    /// No complete answer arrived in time.
    #[error("{}", late(*heard))]
    Late {
        /// Bytes received since the request.
        heard: u64,
    },
    /// Answers that cannot be what was sent.
    #[error(
        "answers come damaged: the line changes, drops or doubles bytes; is it 8-bit clean, `stty raw` on both ends of a terminal, no flow control?"
    )]
    Damaged,
    /// The peer does not speak gdb's protocol.
    #[error("the peer is not a gdb stub")]
    NoStub,
    /// The stub has no target description.
    #[error("the stub does not describe its registers; give --satp and --xlen")]
    NoDescription,
    /// The stub has no such register, or does not return its value.
    #[error("the stub does not return register {0}; give --satp")]
    Register(String),
}

/// The message for a timeout after that many bytes.
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
