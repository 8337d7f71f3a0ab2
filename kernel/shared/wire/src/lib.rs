//! What is said on the serial line: events, requests, frames.
//!
//! The board speaks [`Event`]s, the host [`Request`]s; both travel in the same
//! [`frame`], with plain text flowing between frames. [`Splitter`] takes the
//! line apart again, on either side. Streams ([`Channel`]) arrive whole and in order:
//! [`Outbox`] and [`Inbox`] are their two ends. `docs/wire.md` describes every byte.
//!
//! A number on the wire keeps its meaning for ever; what a reader does not know
//! it keeps as `Unknown` and goes on.

#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod ask;
mod batch;
mod channel;
mod event;
pub mod frame;
mod number;
mod record;
pub mod reliable;
mod request;
mod splitter;
mod words;

pub use ask::{About, Answer, AnswerWriter, Ask, Extents, TaskRecord, TaskRecords};
pub use batch::{Batch, BatchWriter};
pub use channel::Channel;
pub use event::{Event, Welcome};
pub use frame::Frame;
pub use number::Malformed;
pub use reliable::{Inbox, Outbox};
pub use request::Request;
pub use splitter::{Split, Splitter};
pub use words::{Words, WordsWriter};

/// The version of this protocol, said by both sides when they meet.
pub const VERSION: u32 = 2;

/// Bytes that a [`Splitter`] needs for the largest frame of this version.
pub const LARGEST: usize = frame::encoded_bytes(frame::MAX_PAYLOAD);
