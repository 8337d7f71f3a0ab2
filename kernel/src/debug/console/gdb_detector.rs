//! Detects gdb: a whole packet among what is typed on a plain line.
//!
//! What may become a packet is held back. If it does not, it is text after all: at once when
//! no packet can look like that, else when nothing follows for a while.

use crate::debug::stub::packet::{Got, PacketReader};

/// gdb's first packet takes some 200 bytes.
const LONGEST: usize = 512;

/// What a byte made known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detected<'a> {
    /// The byte is held back: a packet may have begun.
    Held,
    /// These bytes were typed; they include what was held back.
    Keys(&'a [u8]),
    /// This is a packet whose sum is right.
    Gdb(&'a [u8]),
}

/// Finds gdb's first packet on a plain line; all else is keys.
pub struct GdbDetector {
    held: [u8; LONGEST],
    used: usize,
    reader: PacketReader<LONGEST>,
}

impl GdbDetector {
    /// No byte is held back.
    pub const EMPTY: GdbDetector = GdbDetector {
        held: [0; LONGEST],
        used: 0,
        reader: PacketReader::EMPTY,
    };

    /// True if bytes are held back, which time may release as keys.
    pub fn is_holding(&self) -> bool {
        self.used > 0
    }

    /// Takes the next byte. Zero, CR, LF, ESC and Ctrl-C are keys: no packet that gdb begins
    /// with has them. A `+` in front is gdb's, too.
    pub fn receive(&mut self, byte: u8) -> Detected<'_> {
        let may_begin = matches!((self.used, byte), (0, b'+') | (_, b'$'));
        let is_inside = self.used > 0 && !matches!(byte, 0 | 3 | 0x0d | 0x0a | 0x1b);
        let after_plus = self.used == 1 && self.held[0] == b'+' && byte != b'$';
        self.held[self.used] = byte;
        self.used += 1;
        if !(may_begin || is_inside) || after_plus {
            return Detected::Keys(self.release());
        }
        match self.reader.feed(byte) {
            // Another packet begins: the one before it was cut off. All of it stays held.
            _ if byte == b'$' && self.used < LONGEST => Detected::Held,
            Got::Packet { .. } => {
                self.release();
                Detected::Gdb(self.reader.whole())
            }
            Got::Bad => Detected::Keys(self.release()),
            _ if self.used == LONGEST => Detected::Keys(self.release()),
            _ => Detected::Held,
        }
    }

    /// Nothing followed: what was held is text.
    pub fn release(&mut self) -> &[u8] {
        let held = &self.held[..core::mem::take(&mut self.used)];
        self.reader.stop();
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the detector passes on: keys as they are, packets in brackets.
    fn hear(detector: &mut GdbDetector, bytes: &[u8]) -> String {
        let mut heard = String::new();
        for &byte in bytes {
            match detector.receive(byte) {
                Detected::Held => {}
                Detected::Keys(keys) => heard += std::str::from_utf8(keys).unwrap(),
                Detected::Gdb(packet) => {
                    heard += &format!("[{}]", std::str::from_utf8(packet).unwrap());
                }
            }
        }
        heard
    }

    #[test]
    fn keys_are_keys() {
        let mut detector = GdbDetector::EMPTY;
        assert_eq!(hear(&mut detector, b"ps 1+2\r\x03"), "ps 1+2\r\x03");
        assert!(!detector.is_holding());
    }

    #[test]
    fn a_packet_is_none() {
        let mut detector = GdbDetector::EMPTY;
        assert_eq!(
            hear(&mut detector, b"ps+$qSupported#37\rx"),
            "ps[$qSupported#37]\rx"
        );
        assert_eq!(hear(&mut detector, b"$qSupported#37"), "[$qSupported#37]");
    }

    #[test]
    fn a_dollar_that_leads_nowhere_comes_back() {
        let mut detector = GdbDetector::EMPTY;
        assert_eq!(hear(&mut detector, b"echo $HOME\r"), "echo $HOME\r");
        assert_eq!(hear(&mut detector, b"$x#00"), "$x#00", "a wrong sum");
        assert_eq!(hear(&mut detector, b"a$"), "a");
        assert!(detector.is_holding());
        assert_eq!(detector.release(), b"$");
        assert_eq!(hear(&mut detector, b"+1"), "+1");
        let long = [b'$'; 1]
            .into_iter()
            .chain([b'y'; 2000])
            .collect::<Vec<_>>();
        assert_eq!(hear(&mut detector, &long).len(), 2001);
    }

    #[test]
    fn every_key_comes_back_in_order_or_is_held() {
        let mut detector = GdbDetector::EMPTY;
        let keys: Vec<u8> = (0..5000_u32)
            .map(|n| b"$+#ab0 1\r"[(n.wrapping_mul(2_654_435_761) >> 28) as usize % 9])
            .collect();
        let mut heard = hear(&mut detector, &keys).into_bytes();
        heard.extend(detector.release());
        let packets = |text: &[u8]| String::from_utf8_lossy(text).replace(['[', ']'], "");
        assert_eq!(packets(&heard), packets(&keys));
    }
}
