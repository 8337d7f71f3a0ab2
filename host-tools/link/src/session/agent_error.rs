//! Why a board's agent gave no answer.

use std::fmt;
use std::io;
use std::time::Duration;

use abi::Error;

use super::altered::Damage;

/// How long a board may take to answer a hello or a question.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Why the agent gave no answer.
#[derive(Debug)]
pub enum AgentError {
    /// The line broke.
    Line(io::Error),
    /// Nothing came.
    NoAnswer,
    /// Bytes came, and nothing in this protocol.
    Unintelligible {
        /// How many.
        bytes: u64,
    },
    /// Frames came, damaged, or not the one that was waited for.
    Altered(Damage),
    /// The user wants no answer any more.
    Stopped,
    /// It answered something that makes no sense.
    Malformed,
    /// It refused.
    Refused(Error),
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgentError::Line(error) => write!(f, "the line broke: {error}"),
            AgentError::NoAnswer => write!(
                f,
                "no answer within {} s: is it a board of ours, has it booted, is nobody else on \
                 the line, and is the line 8-bit clean (`stty raw` on every terminal between)?",
                PATIENCE.as_secs()
            ),
            AgentError::Unintelligible { bytes } => write!(
                f,
                "no answer within {} s, though {bytes} bytes came: is it a board of ours, at this \
                 speed, and is the line 8-bit clean (`stty raw` on every terminal between)?",
                PATIENCE.as_secs()
            ),
            AgentError::Altered(damage) => {
                write!(f, "no answer within {} s: {damage}", PATIENCE.as_secs())
            }
            AgentError::Stopped => f.write_str("stopped"),
            AgentError::Malformed => f.write_str("the answer makes no sense"),
            AgentError::Refused(error) => write!(f, "the board refuses: {error}"),
        }
    }
}

impl std::error::Error for AgentError {}

impl AgentError {
    /// Whether there was no answer in time: the line is there, and one may come another time.
    pub fn is_silence(&self) -> bool {
        use AgentError::{Altered, NoAnswer, Unintelligible};
        matches!(self, NoAnswer | Unintelligible { .. } | Altered(_))
    }
}
