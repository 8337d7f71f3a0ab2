//! A person types while gdb has the line: one notice says why keys do nothing, and how to leave.
//!
//! A line belongs to gdb from its first packet on, and a packet may have been pasted. gdb itself is
//! silent for minutes while programs run, so silence alone ends nothing; a key in it is a person's.

/// Milliseconds without a packet after which a key is answered.
const SILENCE_MS: u64 = 5_000;
/// So many Ctrl-C, and nothing between them, end the session. gdb sends one, and asks before a second.
const WAY_OUT: u8 = 3;
const CTRL_C: u8 = 0x03;

/// Printed once after a key. It holds no `$`, `%` or `#`: to gdb it is noise between two packets.
pub const NOTICE: &[u8] =
    b"\r\npagewalk: keys are not read: gdb is attached to this line, and no packet came for 5 s. \
Detach in gdb, or press Ctrl-C three times to end its session\r\n";
/// What is said once the session was ended so.
pub const ENDED: &[u8] =
    b"\r\npagewalk: the gdb session was ended by Ctrl-C; this is a terminal again\r\n";

/// What follows from a byte between two packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// The byte is gdb's, or the person has had the notice.
    Nothing,
    /// [`NOTICE`] is to be printed, once.
    Notice,
    /// The session of gdb is to end: [`ENDED`] is printed.
    End,
}

/// When gdb last sent something, and what was typed since.
pub struct Bystander {
    ticks_per_second: u64,
    packet_at: u64,
    byte_at: u64,
    is_told: bool,
    interrupts: u8,
}

impl Bystander {
    /// No packet came and nothing was typed.
    pub const EMPTY: Bystander = Bystander {
        ticks_per_second: 0,
        packet_at: 0,
        byte_at: 0,
        is_told: false,
        interrupts: 0,
    };

    /// Ticks in a second of the clock that the other functions are given.
    pub fn set_rate(&mut self, ticks_per_second: u64) {
        self.ticks_per_second = ticks_per_second;
    }

    /// A packet of gdb has ended.
    pub fn packet(&mut self, now: u64) {
        (self.packet_at, self.byte_at) = (now, now);
        (self.is_told, self.interrupts) = (false, 0);
    }

    /// A byte comes: was there none for so long that it continues nothing?
    pub fn begins_anew(&mut self, now: u64) -> bool {
        let before = core::mem::replace(&mut self.byte_at, now);
        self.is_long(before, now)
    }

    fn is_long(&self, from: u64, now: u64) -> bool {
        now.saturating_sub(from) >= SILENCE_MS * self.ticks_per_second / 1000
    }

    /// A byte that is no part of a packet.
    pub fn byte(&mut self, byte: u8, now: u64) -> Follows {
        if byte == CTRL_C {
            self.interrupts += 1;
            if self.interrupts >= WAY_OUT {
                self.interrupts = 0;
                return Follows::End;
            }
        } else {
            self.interrupts = 0;
        }
        // What gdb sends between packets: an acknowledgement, or the start of the next.
        let of_gdb = matches!(byte, b'+' | b'-' | b'$');
        if of_gdb || self.is_told || !self.is_long(self.packet_at, now) {
            return Follows::Nothing;
        }
        self.is_told = true;
        Follows::Notice
    }
}
