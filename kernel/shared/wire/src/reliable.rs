//! Reliable frames: numbered, kept until acknowledged, retransmitted.
//!
//! Each direction of a line has a stream of its own, numbered from 0 at each hello. The receiver accepts
//! frames in order, drops others, and acknowledges with the number it expects. The sender keeps a few frames
//! and retransmits all of them when that number stops growing (go-back-N).
//!
//! ```text
//!   sent and acknowledged │ kept: sent, not acknowledged │ kept: not sent │ no slot yet
//!                        first                                      first + kept ≤ first + WINDOW
//! ```

/// Size in bytes of the stream number before the content.
pub const HEAD: usize = 2;

/// Most content bytes in one stream frame.
pub const CHUNK: usize = 240;

/// Number of frames that may be unacknowledged.
pub const WINDOW: usize = 8;

#[derive(Clone, Copy)]
struct Slot {
    kind: u8,
    used: u8,
    /// The stream number, then the content.
    payload: [u8; HEAD + CHUNK],
}

/// The sending end of a stream: frames that are not acknowledged.
pub struct Outbox {
    slots: [Slot; WINDOW],
    /// Number of the oldest kept frame.
    first: u16,
    kept: u16,
    /// Number of kept frames that were sent since the last rewind.
    sent: u16,
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox::EMPTY
    }
}

impl Outbox {
    /// The start of a stream.
    pub const EMPTY: Outbox = Outbox {
        slots: [Slot {
            kind: 0,
            used: 0,
            payload: [0; HEAD + CHUNK],
        }; WINDOW],
        first: 0,
        kept: 0,
        sent: 0,
    };

    /// Whether another frame fits into the window.
    pub fn has_room(&self) -> bool {
        usize::from(self.kept) < WINDOW
    }

    /// Whether every frame is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// Adds a frame; `false` if the window is full or it is longer than [`CHUNK`].
    pub fn push(&mut self, kind: u8, bytes: &[u8]) -> bool {
        if !self.has_room() || bytes.len() > CHUNK {
            return false;
        }
        let number = self.first.wrapping_add(self.kept);
        let slot = &mut self.slots[usize::from(number) % WINDOW];
        slot.kind = kind;
        slot.used = bytes.len() as u8;
        slot.payload[..HEAD].copy_from_slice(&number.to_le_bytes());
        slot.payload[HEAD..HEAD + bytes.len()].copy_from_slice(bytes);
        self.kept += 1;
        true
    }

    /// The next frame to transmit: kind and payload.
    pub fn begin_next(&mut self) -> Option<(u8, &[u8])> {
        if self.sent == self.kept {
            return None;
        }
        let number = self.first.wrapping_add(self.sent);
        self.sent += 1;
        let slot = &self.slots[usize::from(number) % WINDOW];
        Some((slot.kind, &slot.payload[..HEAD + usize::from(slot.used)]))
    }

    /// Whether a frame is waiting for transmission.
    pub fn wants_to_send(&self) -> bool {
        self.sent < self.kept
    }

    /// Removes all frames before `number`, which the receiver expects next; returns whether any was removed.
    /// A number that was never sent has no effect.
    pub fn acknowledge(&mut self, number: u16) -> bool {
        let done = number.wrapping_sub(self.first);
        if done == 0 || done > self.sent {
            return false;
        }
        self.first = number;
        self.kept -= done;
        self.sent -= done;
        true
    }

    /// Retransmits all kept frames, from the oldest.
    pub fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Ends the stream: passes each kept frame, oldest first, with its kind and without its number; then
    /// restarts at 0.
    pub fn abandon(&mut self, mut each: impl FnMut(u8, &[u8])) {
        for n in 0..self.kept {
            let number = self.first.wrapping_add(n);
            let slot = &self.slots[usize::from(number) % WINDOW];
            each(
                slot.kind,
                &slot.payload[HEAD..HEAD + usize::from(slot.used)],
            );
        }
        (self.first, self.kept, self.sent) = (0, 0, 0);
    }
}

/// The receiving end of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inbox {
    next: u16,
    owes: bool,
}

impl Inbox {
    /// The start of a stream.
    pub const EMPTY: Inbox = Inbox {
        next: 0,
        owes: false,
    };

    /// Returns the content of a frame if it is the expected one. Any frame makes an acknowledgement due.
    pub fn take<'a>(&mut self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let (number, bytes) = payload.split_first_chunk::<HEAD>()?;
        self.owes = true;
        if u16::from_le_bytes(*number) != self.next {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        Some(bytes)
    }

    /// Makes an acknowledgement due, as the sender requested one.
    pub fn owe(&mut self) {
        self.owes = true;
    }

    /// The number to acknowledge with, if an acknowledgement is due.
    pub fn word(&mut self) -> Option<u16> {
        core::mem::take(&mut self.owes).then_some(self.next)
    }

    /// Whether an acknowledgement is due.
    pub fn owes_word(&self) -> bool {
        self.owes
    }
}
