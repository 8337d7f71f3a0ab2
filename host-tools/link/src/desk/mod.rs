//! The desk's side of a session: everything in frames, what must arrive arrives.

mod agent;
mod conversation;
mod overheard;
mod told;

pub use agent::{Agent, AgentError, Direction, Tap, seed};
pub use conversation::{Conversation, Heard, Peer};
pub use overheard::Overheard;
pub use told::{Ram, TaskInfo, dialect};
