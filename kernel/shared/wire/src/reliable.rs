//! Frames that must arrive: numbered, kept until they are acknowledged, sent again if they are not.
//!
//! Both directions of a line have a stream of their own, numbered from 0 at each hello.
//! The receiver takes numbers in order, drops what comes too early or twice, and says
//! which number it waits for. The sender keeps a few frames and sends all of them again
//! when that number no longer grows.

/// Bytes of a stream's number, before the payload proper.
pub const HEAD: usize = 2;

/// Bytes that one frame of a stream carries at most.
pub const CHUNK: usize = 240;

/// How many frames may be on their way at once.
pub const WINDOW: usize = 8;

#[derive(Clone, Copy)]
struct Slot {
    kind: u8,
    used: u8,
    /// The stream's number, then what the frame carries.
    payload: [u8; HEAD + CHUNK],
}

/// A sender's side of a stream: what was sent and is not yet acknowledged.
pub struct Outbox {
    slots: [Slot; WINDOW],
    /// Number of the oldest frame that is kept.
    first: u16,
    kept: u16,
    /// How many of the kept ones have been sent since the last rewind.
    sent: u16,
}

impl Default for Outbox {
    fn default() -> Self {
        Outbox::EMPTY
    }
}

impl Outbox {
    /// A stream that begins.
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

    /// Is there room for another frame?
    pub fn has_room(&self) -> bool {
        usize::from(self.kept) < WINDOW
    }

    /// Nothing waits for an acknowledgement.
    pub fn is_empty(&self) -> bool {
        self.kept == 0
    }

    /// Adds a frame; `false` when there is no room or it is longer than [`CHUNK`].
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

    /// The next frame to put on the line: its kind and its whole payload.
    pub fn begin_next(&mut self) -> Option<(u8, &[u8])> {
        if self.sent == self.kept {
            return None;
        }
        let number = self.first.wrapping_add(self.sent);
        self.sent += 1;
        let slot = &self.slots[usize::from(number) % WINDOW];
        Some((slot.kind, &slot.payload[..HEAD + usize::from(slot.used)]))
    }

    /// Is there a frame to put on the line?
    pub fn wants_to_send(&self) -> bool {
        self.sent < self.kept
    }

    /// The other side waits for `number`: all before it are done with. Whether any was; a
    /// number that was never sent changes nothing.
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

    /// Sends everything that is kept again, from the oldest on.
    pub fn rewind(&mut self) {
        self.sent = 0;
    }

    /// Gives up: every frame kept, oldest first, with its kind and without its number; then
    /// the stream begins anew.
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

/// A receiver's side of a stream.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inbox {
    next: u16,
    owes: bool,
}

impl Inbox {
    /// A stream that begins.
    pub const EMPTY: Inbox = Inbox {
        next: 0,
        owes: false,
    };

    /// Takes a frame's payload: what it carries, if it is the one that is waited for.
    /// Whatever it is, the sender is owed a word.
    pub fn take<'a>(&mut self, payload: &'a [u8]) -> Option<&'a [u8]> {
        let (number, bytes) = payload.split_first_chunk::<HEAD>()?;
        self.owes = true;
        if u16::from_le_bytes(*number) != self.next {
            return None;
        }
        self.next = self.next.wrapping_add(1);
        Some(bytes)
    }

    /// The sender asked whether anyone is there.
    pub fn owe(&mut self) {
        self.owes = true;
    }

    /// The number to tell the sender, if it is owed one.
    pub fn word(&mut self) -> Option<u16> {
        core::mem::take(&mut self.owes).then_some(self.next)
    }

    /// Is the sender owed a word?
    pub fn owes_word(&self) -> bool {
        self.owes
    }
}
