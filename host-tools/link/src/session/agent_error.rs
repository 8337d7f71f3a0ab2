//! Errors of a board's agent.

use std::io;
use std::time::Duration;

use abi::Error as Errno;
use thiserror::Error;

use super::altered::Damage;
use crate::words::counted;

/// Time limit for an answer to a hello or a question.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why a question was not answered.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The line failed.
    #[error("the line broke")]
    Line(#[source] io::Error),
    /// No byte arrived.
    #[error("no answer within {seconds} s: does the board run Pagewalk, has it booted, is the line free, and is the line 8-bit clean (`stty raw` on every terminal between)?", seconds = PATIENCE.as_secs())]
    NoAnswer,
    /// Bytes arrived, but no frame.
    #[error("no answer within {seconds} s, though {bytes} came: does the board run Pagewalk, at this speed, and is the line 8-bit clean (`stty raw` on every terminal between)?", bytes = counted(*bytes, "byte"), seconds = PATIENCE.as_secs())]
    Unintelligible {
        /// Number of bytes.
        bytes: u64,
    },
    /// Frames arrived, damaged or not the expected one.
    #[error("no answer within {seconds} s: {0}", seconds = PATIENCE.as_secs())]
    Altered(Damage),
    /// The user interrupted.
    #[error("stopped")]
    Stopped,
    /// The answer is malformed.
    #[error("the answer is malformed")]
    Malformed,
    /// The board answered with an error.
    #[error("the board answered with an error: {0}")]
    Refused(Errno),
}

impl AgentError {
    /// Whether it was a timeout: the line works, and an answer may come later.
    pub fn is_silence(&self) -> bool {
        use AgentError::{Altered, NoAnswer, Unintelligible};
        matches!(self, NoAnswer | Unintelligible { .. } | Altered(_))
    }
}
