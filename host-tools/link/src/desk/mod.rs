//! The desk's side of a session: everything in frames, what must arrive arrives.

mod agent;
mod conversation;
mod overheard;

pub use agent::{Agent, AgentError, Direction, Ram, Tap, TaskInfo, dialect, seed};
pub use conversation::{Conversation, Heard, Peer};
pub use overheard::Overheard;
