//! The streams of a host that opened a session, in both directions.

use wire::reliable::CHUNK;
use wire::{Channel, Event, Inbox, Outbox, Request};

use super::outgoing::Outgoing;

/// Milliseconds without a word from the host after which it is gone.
const SILENCE_MS: u64 = 5_000;
/// Milliseconds after which what was not acknowledged is sent again.
const AGAIN_MS: u64 = 250;

/// What a frame of the host asks of the console.
#[derive(Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// Nothing that concerns anyone but the streams.
    Nothing,
    /// Bytes for a channel, in order.
    Bytes(Channel, &'a [u8]),
}

/// The kernel's end of the session with a host, if one is open.
pub struct SessionState {
    /// The host's number for it; 0: none is open.
    number: u32,
    outbox: Outbox,
    inbox: Inbox,
    ticks_per_second: u64,
    /// When the host last sent something, and when the streams last moved on.
    received_at: u64,
    moved_at: u64,
    /// The host has said `Bye`: the next acknowledgement is the last frame.
    is_ending: bool,
}

impl SessionState {
    /// No session is open: the line is plain.
    pub const NONE: SessionState = SessionState {
        number: 0,
        outbox: Outbox::EMPTY,
        inbox: Inbox::EMPTY,
        ticks_per_second: 0,
        received_at: 0,
        moved_at: 0,
        is_ending: false,
    };

    /// The host's number for it.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// A host opens a session. One that asks twice has not received the welcome yet: its streams
    /// go on.
    pub fn open(&mut self, number: u32, ticks_per_second: u64, now: u64) {
        if self.number != number {
            self.outbox.abandon(|_, _| {});
            self.inbox = Inbox::EMPTY;
        }
        self.number = number;
        self.ticks_per_second = ticks_per_second;
        self.is_ending = false;
        (self.received_at, self.moved_at) = (now, now);
    }

    /// Takes what the host said.
    pub fn receive<'a>(&mut self, request: &Request<'a>, now: u64) -> Received<'a> {
        self.received_at = now;
        match *request {
            Request::Stream(channel, payload) => match self.inbox.take(payload) {
                Some(bytes) => Received::Bytes(channel, bytes),
                None => Received::Nothing,
            },
            Request::Heard { next } => {
                if self.outbox.acknowledge(next) {
                    self.moved_at = now;
                }
                Received::Nothing
            }
            Request::Alive => {
                self.inbox.owe();
                Received::Nothing
            }
            Request::Bye => {
                self.inbox.owe();
                self.is_ending = true;
                Received::Nothing
            }
            _ => Received::Nothing,
        }
    }

    /// Is there room for another part of a stream?
    pub fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    /// Sends bytes on a channel; `false` when there is no room.
    pub fn send(&mut self, channel: Channel, bytes: &[u8], now: u64) -> bool {
        if self.outbox.is_empty() {
            self.moved_at = now;
        }
        self.outbox.push(channel.from_board(), bytes)
    }

    /// Is the host owed a word?
    pub fn owes_word(&self) -> bool {
        self.inbox.owes_word()
    }

    /// Is there anything to put on the line now?
    pub fn wants_to_send(&self) -> bool {
        self.inbox.owes_word() || self.outbox.wants_to_send()
    }

    /// Puts the next frame on the line; whether there was one.
    pub fn begin(&mut self, outgoing: &mut Outgoing) -> bool {
        if let Some(next) = self.inbox.word() {
            let encode = match self.is_ending {
                true => Event::encode_last_heard,
                false => Event::encode_heard,
            };
            outgoing.begin(|sequence, out| encode(next, sequence, out));
            return true;
        }
        let Some((kind, payload)) = self.outbox.begin_next() else {
            return false;
        };
        outgoing.begin(|sequence, out| {
            wire::Frame {
                kind,
                sequence,
                payload,
            }
            .encode(out)
        });
        true
    }

    /// Time has passed: sends again what was not acknowledged. Whether the host is gone.
    pub fn tick(&mut self, now: u64) -> bool {
        if now.saturating_sub(self.received_at) >= self.ticks(SILENCE_MS) {
            return true;
        }
        if !self.outbox.is_empty() && now.saturating_sub(self.moved_at) >= self.ticks(AGAIN_MS) {
            self.outbox.rewind();
            self.moved_at = now;
        }
        false
    }

    /// When [`Self::tick`] has something to do.
    pub fn deadline(&self) -> u64 {
        let gone = self.received_at + self.ticks(SILENCE_MS);
        if self.outbox.is_empty() {
            gone
        } else {
            gone.min(self.moved_at + self.ticks(AGAIN_MS))
        }
    }

    /// Ends it; text that the host has not acknowledged goes to `text`.
    pub fn close(&mut self, mut text: impl FnMut(&[u8])) {
        let console = Channel::Console.from_board();
        self.outbox.abandon(|kind, bytes| {
            if kind == console {
                text(bytes);
            }
        });
        (self.number, self.inbox) = (0, Inbox::EMPTY);
    }

    fn ticks(&self, ms: u64) -> u64 {
        ms * self.ticks_per_second / 1000
    }
}

/// Bytes that one part of a stream holds.
pub const PART: usize = CHUNK;
