//! Between the line and the debugger's own state machine: checks, acknowledges, sends again.
//!
//! The crate behind it takes a line for perfect. A serial one is not: a packet may come
//! garbled, come twice because the acknowledgement was lost, or be refused by gdb.

use super::packet::{Got, PacketReader, hex, sum};

/// Bytes of the longest packet from gdb, `$` and sum included.
pub const LONGEST: usize = 4096;
/// Bytes of the longest packet to gdb. A byte of memory is two digits, and a run may grow.
pub const REPLY: usize = 2 * LONGEST + 64;
/// Text of the console in one packet, at most.
const TEXT: usize = 200;

/// What gdb asks for, the most pressing last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GdbRequest {
    /// Nothing yet, or nothing that has to be done again.
    Nothing,
    /// gdb asks for a stop.
    Stop,
    /// A packet has to be dealt with: [`Shim::packet`].
    Packet,
    /// The line to gdb is no more.
    Gone,
}

/// Both directions of one gdb.
pub struct Shim {
    reader: PacketReader<LONGEST>,
    /// An acknowledgement has to go out first.
    owes_ack: bool,
    /// The acknowledgement owed is `-`: the packet's sum was wrong.
    refuses: bool,
    reply: [u8; REPLY],
    used: usize,
    at: usize,
    /// gdb has not said that it has the reply.
    awaits_ack: bool,
}

impl Shim {
    /// No gdb is attached, and no packet has begun.
    pub const EMPTY: Shim = Shim {
        reader: PacketReader::EMPTY,
        owes_ack: false,
        refuses: false,
        reply: [0; REPLY],
        used: 0,
        at: 0,
        awaits_ack: false,
    };

    /// Another gdb, of which nothing is known.
    pub fn reset(&mut self) {
        self.reader.forget();
        (self.owes_ack, self.used, self.at, self.awaits_ack) = (false, 0, 0, false);
    }

    /// Takes a byte from gdb.
    pub fn receive(&mut self, byte: u8) -> GdbRequest {
        match self.reader.feed(byte) {
            Got::Nothing => GdbRequest::Nothing,
            Got::Acknowledged => {
                self.awaits_ack &= self.at != self.used;
                GdbRequest::Nothing
            }
            Got::Garbled => {
                (self.at, self.awaits_ack) = (0, true);
                GdbRequest::Nothing
            }
            Got::Bad => {
                self.acknowledge(b'-');
                GdbRequest::Nothing
            }
            // gdb sends again because something was lost: neither that the packet came nor the
            // reply. What it asks for may not be done twice.
            Got::Packet { again: true } if self.awaits_ack => {
                self.acknowledge(b'+');
                self.at = 0;
                GdbRequest::Nothing
            }
            Got::Packet { .. } => {
                self.acknowledge(b'+');
                self.awaits_ack = false;
                GdbRequest::Packet
            }
            Got::Interrupt => GdbRequest::Stop,
        }
    }

    /// Has a packet begun that has not ended?
    pub fn is_in_packet(&self) -> bool {
        self.reader.is_inside()
    }

    /// Leaves a packet that has begun; the one before stays.
    pub fn leave_packet(&mut self) {
        self.reader.stop();
    }

    /// Has no packet to gdb begun to go out, or all of it?
    pub fn is_at_border(&self) -> bool {
        self.at == 0 || self.at == self.used
    }

    /// The packet that has to be dealt with, from `$` to its sum.
    pub fn packet(&self) -> &[u8] {
        self.reader.whole()
    }

    /// That packet without `$`, `#` and its sum.
    pub fn body(&self) -> &[u8] {
        self.reader.body()
    }

    /// What has to go out next.
    pub fn rest(&self) -> &[u8] {
        if self.owes_ack {
            if self.refuses { b"-" } else { b"+" }
        } else {
            &self.reply[self.at..self.used]
        }
    }

    /// That many bytes of it went out.
    pub fn sent(&mut self, bytes: usize) {
        if bytes == 0 {
        } else if self.owes_ack {
            self.owes_ack = false;
        } else {
            self.at = (self.at + bytes).min(self.used);
        }
    }

    /// Everything went out, and gdb said so.
    pub fn is_quiet(&self) -> bool {
        !self.awaits_ack && self.rest().is_empty()
    }

    /// gdb will not say so any more: it went away, or the line lost it for good.
    pub fn give_up(&mut self) {
        (self.awaits_ack, self.at) = (false, self.used);
    }

    /// Sends a packet with this body.
    pub fn answer(&mut self, body: &[u8]) {
        let room = self.reply.len() - 4;
        let body = &body[..body.len().min(room)];
        self.begin();
        self.push(body);
        self.end();
    }

    /// Sends a packet that is made already, `$` and sum included.
    pub fn forward(&mut self, packet: &[u8]) {
        self.used = 0;
        self.push(&packet[..packet.len().min(REPLY)]);
        (self.at, self.awaits_ack) = (0, true);
    }

    /// Shows text on gdb's terminal; how many bytes it took. Only while nothing else is
    /// under way, and only while the program runs.
    pub fn say(&mut self, text: impl Iterator<Item = u8>) -> usize {
        let mut count = 0;
        self.begin();
        self.push(b"O");
        for byte in text.take(TEXT) {
            self.push(&[hex(byte >> 4), hex(byte)]);
            count += 1;
        }
        self.end();
        count
    }

    fn acknowledge(&mut self, with: u8) {
        (self.refuses, self.owes_ack) = (with == b'-', true);
    }

    fn begin(&mut self) {
        self.used = 0;
        self.push(b"$");
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.used + bytes.len();
        self.reply[self.used..end].copy_from_slice(bytes);
        self.used = end;
    }

    fn end(&mut self) {
        let [high, low] = sum(&self.reply[1..self.used]);
        self.push(&[b'#', high, low]);
        (self.at, self.awaits_ack) = (0, true);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hear(shim: &mut Shim, bytes: &[u8]) -> Vec<GdbRequest> {
        let asked = bytes.iter().map(|byte| shim.receive(*byte));
        asked
            .filter(|asked| *asked != GdbRequest::Nothing)
            .collect()
    }

    fn said(shim: &mut Shim) -> String {
        let mut said = Vec::new();
        while !shim.rest().is_empty() {
            said.push(shim.rest()[0]);
            shim.sent(1);
        }
        String::from_utf8(said).unwrap()
    }

    #[test]
    fn a_question_is_acknowledged_and_answered() {
        let mut shim = Box::new(Shim::EMPTY);
        assert_eq!(hear(&mut shim, b"+$g#67"), [GdbRequest::Packet]);
        assert_eq!((shim.packet(), shim.body()), (&b"$g#67"[..], &b"g"[..]));
        shim.answer(b"OK");
        assert_eq!(said(&mut shim), "+$OK#9a");
        assert!(!shim.is_quiet());
        assert_eq!(hear(&mut shim, b"+"), []);
        assert!(shim.is_quiet());
    }

    #[test]
    fn a_garbled_packet_is_refused_and_a_refused_reply_is_sent_again() {
        let mut shim = Box::new(Shim::EMPTY);
        assert_eq!(hear(&mut shim, b"$g#66"), []);
        assert_eq!(said(&mut shim), "-");
        assert_eq!(hear(&mut shim, b"$g#67"), [GdbRequest::Packet]);
        shim.answer(b"1234");
        assert_eq!(said(&mut shim), "+$1234#ca");
        assert_eq!(hear(&mut shim, b"-"), []);
        assert_eq!(said(&mut shim), "$1234#ca");
        assert_eq!(hear(&mut shim, b"-"), []);
        assert_eq!(said(&mut shim), "$1234#ca");
    }

    /// The acknowledgement was lost on the line: gdb waits, then asks again.
    #[test]
    fn what_was_done_is_not_done_twice() {
        let mut shim = Box::new(Shim::EMPTY);
        assert_eq!(hear(&mut shim, b"$s#73"), [GdbRequest::Packet]);
        shim.answer(b"T05");
        assert_eq!(said(&mut shim), "+$T05#b9");
        assert_eq!(
            hear(&mut shim, b"$s#73"),
            [],
            "a repeated packet is not handled again"
        );
        assert_eq!(said(&mut shim), "+$T05#b9");
        assert_eq!(
            hear(&mut shim, b"+$s#73"),
            [GdbRequest::Packet],
            "a second step"
        );
    }

    #[test]
    fn text_of_the_console_has_no_sign_of_its_own() {
        let mut shim = Box::new(Shim::EMPTY);
        let text = b"$price: 100% #1\n";
        assert_eq!(shim.say(text.iter().copied()), text.len());
        let packet = said(&mut shim);
        assert!(packet.starts_with("$O2470") && packet.is_ascii());
        assert_eq!(packet.matches(['$', '#', '%']).count(), 2);
        assert_eq!(shim.say(std::iter::repeat_n(b'x', 5000)), TEXT);
    }

    proptest! {
        #[test]
        fn noise_asks_for_something_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
            let mut shim = Box::new(Shim::EMPTY);
            for byte in bytes {
                if shim.receive(byte) == GdbRequest::Packet {
                    let body = shim.body().to_vec();
                    shim.answer(&body);
                }
                prop_assert!(shim.rest().len() <= REPLY);
                shim.sent(1);
            }
        }
    }
}
