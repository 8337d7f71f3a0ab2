//! The protocol of the serial line: events, requests, frames.
//!
//! The board sends [`Event`]s, the host [`Request`]s; both use the same [`frame`], with plain text between
//! frames. [`Splitter`] separates the two on either side. Streams ([`Channel`]) arrive complete and in order:
//! [`Outbox`] and [`Inbox`] are their two ends. `docs/wire.md` describes every byte.
//!
//! A number on the wire never changes its meaning; a reader keeps what it does not know as `Unknown` and
//! continues.

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
pub use words::{PackedWords, WordsWriter};

/// Version of this protocol, exchanged in hello and welcome.
pub const VERSION: u32 = 2;

/// Buffer size in bytes of a [`Splitter`] for the largest frame of this version.
pub const LARGEST: usize = frame::encoded_bytes(frame::MAX_PAYLOAD);

/// The page that a registry shows: its example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct WireReadme;
