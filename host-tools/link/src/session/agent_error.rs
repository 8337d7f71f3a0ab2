//! Why a board's agent gave no answer.

use std::io;
use std::time::Duration;

use abi::Error as Errno;
use thiserror::Error;

use super::altered::Damage;
use crate::words::counted;

/// How long a board may take to answer a hello or a question.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why the agent gave no answer.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The line broke.
    #[error("the line broke")]
    Line(#[source] io::Error),
    /// Nothing came.
    #[error("no answer within {seconds} s: is it a board of ours, has it booted, is nobody else on the line, and is the line 8-bit clean (`stty raw` on every terminal between)?", seconds = PATIENCE.as_secs())]
    NoAnswer,
    /// Bytes came, and nothing in this protocol.
    #[error("no answer within {seconds} s, though {bytes} came: is it a board of ours, at this speed, and is the line 8-bit clean (`stty raw` on every terminal between)?", bytes = counted(*bytes, "byte"), seconds = PATIENCE.as_secs())]
    Unintelligible {
        /// How many.
        bytes: u64,
    },
    /// Frames came, damaged, or not the one that was waited for.
    #[error("no answer within {seconds} s: {0}", seconds = PATIENCE.as_secs())]
    Altered(Damage),
    /// The user wants no answer any more.
    #[error("stopped")]
    Stopped,
    /// It answered something that makes no sense.
    #[error("the answer makes no sense")]
    Malformed,
    /// It refused.
    #[error("the board refuses: {0}")]
    Refused(Errno),
}

impl AgentError {
    /// Whether there was no answer in time: the line is there, and one may come another time.
    pub fn is_silence(&self) -> bool {
        use AgentError::{Altered, NoAnswer, Unintelligible};
        matches!(self, NoAnswer | Unintelligible { .. } | Altered(_))
    }
}
