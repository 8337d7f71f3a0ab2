//! A gdb at the door: a whole packet among what is typed on a plain line.
//!
//! What may become a packet is held back. If it does not, it is text after all: at once when
//! no packet can look like that, else when nothing follows for a while.

use crate::debug::stub::packet::{Got, PacketReader};

/// gdb's first packet takes some 200 bytes.
const LONGEST: usize = 512;

/// What a byte made known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knocked<'a> {
    /// It is held back.
    Held,
    /// These were typed.
    Keys(&'a [u8]),
    /// This is a packet whose sum is right.
    Gdb(&'a [u8]),
}

/// Watches a plain line.
pub struct Knock {
    held: [u8; LONGEST],
    used: usize,
    reader: PacketReader<LONGEST>,
}

impl Knock {
    /// Nothing held.
    pub const EMPTY: Knock = Knock {
        held: [0; LONGEST],
        used: 0,
        reader: PacketReader::EMPTY,
    };

    /// Is something held back?
    pub fn is_holding(&self) -> bool {
        self.used > 0
    }

    /// Takes the next byte. Zero, CR, LF, ESC and Ctrl-C are keys: no packet that gdb begins
    /// with has them. A `+` in front is gdb's, too.
    pub fn hear(&mut self, byte: u8) -> Knocked<'_> {
        let may_begin = matches!((self.used, byte), (0, b'+') | (_, b'$'));
        let is_inside = self.used > 0 && !matches!(byte, 0 | 3 | 0x0d | 0x0a | 0x1b);
        let after_plus = self.used == 1 && self.held[0] == b'+' && byte != b'$';
        self.held[self.used] = byte;
        self.used += 1;
        if !(may_begin || is_inside) || after_plus {
            return Knocked::Keys(self.give_back());
        }
        match self.reader.feed(byte) {
            // Another packet begins: the one before it was cut off. All of it stays held.
            _ if byte == b'$' && self.used < LONGEST => Knocked::Held,
            Got::Packet { .. } => {
                self.give_back();
                Knocked::Gdb(self.reader.whole())
            }
            Got::Bad => Knocked::Keys(self.give_back()),
            _ if self.used == LONGEST => Knocked::Keys(self.give_back()),
            _ => Knocked::Held,
        }
    }

    /// Nothing followed: what was held is text.
    pub fn give_back(&mut self) -> &[u8] {
        let held = &self.held[..core::mem::take(&mut self.used)];
        self.reader.stop();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keys, packets in brackets.
    fn hear(knock: &mut Knock, bytes: &[u8]) -> String {
        let mut heard = String::new();
        for &byte in bytes {
            match knock.hear(byte) {
                Knocked::Held => {}
                Knocked::Keys(keys) => heard += std::str::from_utf8(keys).unwrap(),
                Knocked::Gdb(packet) => {
                    heard += &format!("[{}]", std::str::from_utf8(packet).unwrap());
                }
            }
        }
        heard
    }

    #[test]
    fn keys_are_keys() {
        let mut knock = Knock::EMPTY;
        assert_eq!(hear(&mut knock, b"ps 1+2\r\x03"), "ps 1+2\r\x03");
        assert!(!knock.is_holding());
    }

    #[test]
    fn a_packet_is_none() {
        let mut knock = Knock::EMPTY;
        assert_eq!(
            hear(&mut knock, b"ps+$qSupported#37\rx"),
            "ps[$qSupported#37]\rx"
        );
        assert_eq!(hear(&mut knock, b"$qSupported#37"), "[$qSupported#37]");
    }

    #[test]
    fn a_dollar_that_leads_nowhere_comes_back() {
        let mut knock = Knock::EMPTY;
        assert_eq!(hear(&mut knock, b"echo $HOME\r"), "echo $HOME\r");
        assert_eq!(hear(&mut knock, b"$x#00"), "$x#00", "a wrong sum");
        assert_eq!(hear(&mut knock, b"a$"), "a");
        assert!(knock.is_holding());
        assert_eq!(knock.give_back(), b"$");
        assert_eq!(hear(&mut knock, b"+1"), "+1");
        let long = [b'$'; 1]
            .into_iter()
            .chain([b'y'; 2000])
            .collect::<Vec<_>>();
        assert_eq!(hear(&mut knock, &long).len(), 2001);
    }

    #[test]
    fn every_key_comes_back_in_order_or_is_held() {
        let mut knock = Knock::EMPTY;
        let keys: Vec<u8> = (0..5000_u32)
            .map(|n| b"$+#ab0 1\r"[(n.wrapping_mul(2_654_435_761) >> 28) as usize % 9])
            .collect();
        let mut heard = hear(&mut knock, &keys).into_bytes();
        heard.extend(knock.give_back());
        let packets = |text: &[u8]| String::from_utf8_lossy(text).replace(['[', ']'], "");
        assert_eq!(packets(&heard), packets(&keys));
    }
}
