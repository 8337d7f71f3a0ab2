//! The host's side of a session: everything in frames, what must arrive arrives.

mod about;
mod agent;
mod decoder;
mod passive;
mod state;
mod streams;

pub use about::{Ram, TaskInfo, dialect};
pub use agent::{Agent, AgentError, Direction, Tap, seed};
pub use decoder::{Decoder, LineEvent, micros};
pub use passive::PassiveDecoder;
pub use state::{Peer, Session, SessionEvent};
pub(crate) use streams::StreamEnd;
