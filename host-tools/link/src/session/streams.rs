//! The sending half of one end of a line: numbered frames and reliable streams.
//!
//! A session with a target and the hub's client differ in when they send, not in how: both use this.
//!
//! ```text
//! send ─► waiting ─► window (8 frames, kept until acknowledged) ─► frames on the line
//! ```

use std::collections::VecDeque;

use wire::reliable::CHUNK;
use wire::{Channel, Frame, Inbox, Outbox};

/// The streams of one end, and its frame counter.
pub struct StreamEnd {
    /// Number of the next frame; a hello has number 0.
    sequence: u16,
    inbox: Inbox,
    outbox: Outbox,
    /// Pieces that do not fit into the window yet; each becomes one frame.
    waiting: VecDeque<(Channel, Vec<u8>)>,
}

impl Default for StreamEnd {
    fn default() -> Self {
        StreamEnd {
            sequence: 0,
            inbox: Inbox::EMPTY,
            outbox: Outbox::EMPTY,
            waiting: VecDeque::new(),
        }
    }
}

impl StreamEnd {
    /// Restarts both streams at 0 and drops queued pieces.
    pub fn restart(&mut self) {
        (self.inbox, self.outbox) = (Inbox::EMPTY, Outbox::EMPTY);
        self.waiting.clear();
    }

    /// Whether everything that was sent is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.has_no_unacknowledged() && self.waiting.is_empty()
    }

    /// Whether every frame in the window is acknowledged.
    pub fn has_no_unacknowledged(&self) -> bool {
        self.outbox.is_empty()
    }

    /// The bytes of a stream frame; `None` if it is a repetition or out of order.
    pub fn receive<'a>(&mut self, payload: &'a [u8]) -> Option<&'a [u8]> {
        self.inbox.take(payload)
    }

    /// Processes an acknowledgement up to `next`; true if it acknowledges anything.
    pub fn acknowledged(&mut self, next: u16) -> bool {
        self.outbox.acknowledge(next)
    }

    /// Makes an acknowledgement due even without new input.
    pub fn owe_acknowledgement(&mut self) {
        self.inbox.owe();
    }

    /// Queues bytes of a stream, in frames of at most [`CHUNK`] bytes.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        let pieces = bytes.chunks(CHUNK).map(|piece| (channel, piece.to_vec()));
        self.waiting.extend(pieces);
    }

    /// Moves queued pieces into the window, with the kinds of this end. True if the window was empty and is
    /// no longer: the retransmission timer starts.
    pub fn fill_window(&mut self, kind_of: impl Fn(Channel) -> u8) -> bool {
        let was_empty = self.outbox.is_empty();
        while self.outbox.has_room()
            && let Some((channel, bytes)) = self.waiting.pop_front()
        {
            self.outbox.push(kind_of(channel), &bytes);
        }
        was_empty && !self.outbox.is_empty()
    }

    /// Retransmits the whole window.
    pub fn rewind(&mut self) {
        self.outbox.rewind();
    }

    /// Appends the due acknowledgement, then the unsent frames of the window.
    pub fn write<E>(
        &mut self,
        out: &mut Vec<u8>,
        acknowledge: impl FnOnce(u16, u16, &mut [u8]) -> Result<usize, E>,
    ) {
        if let Some(next) = self.inbox.word() {
            self.put(out, |sequence, room| acknowledge(next, sequence, room));
        }
        while self.outbox.wants_to_send() {
            let (sequence, mut room) = (self.sequence, [0; wire::LARGEST]);
            let Some((kind, payload)) = self.outbox.begin_next() else {
                return;
            };
            let frame = Frame {
                kind,
                sequence,
                payload,
            };
            let used = frame.encode(&mut room).unwrap_or(0);
            self.sequence = sequence.wrapping_add(1);
            out.extend(&room[..used]);
        }
    }

    /// Appends the frame that starts a session, as number 0.
    pub fn begin<E>(
        &mut self,
        out: &mut Vec<u8>,
        make: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) {
        self.sequence = 0;
        self.put(out, |_, room| make(room));
    }

    /// Appends one frame outside of the streams.
    pub fn put<E>(
        &mut self,
        out: &mut Vec<u8>,
        make: impl FnOnce(u16, &mut [u8]) -> Result<usize, E>,
    ) {
        let mut room = [0; wire::LARGEST];
        let used = make(self.sequence, &mut room).unwrap_or(0);
        self.sequence = self.sequence.wrapping_add(1);
        out.extend(&room[..used]);
    }
}
