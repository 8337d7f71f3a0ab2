//! The host's side of a session: frames only, with reliable streams.

mod about;
mod agent;
mod agent_error;
mod altered;
mod calling;
mod decoder;
mod passive;
mod state;
mod streams;

pub use about::{RamExtent, TaskInfo, dialect};
pub use agent::{
    Agent, AgentOptions, Direction, LineTap, OnSilence, read_in_background, seed, word_bytes,
};
pub use agent_error::AgentError;
pub use altered::{Alteration, Damage};
pub use decoder::{Decoder, LineEvent, micros};
pub use passive::PassiveDecoder;
pub use state::{Peer, Session, SessionEvent};
pub(crate) use streams::StreamEnd;
