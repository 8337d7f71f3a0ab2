//! A packet of gdb's remote protocol, taken out of a line byte by byte.

/// `$`, `#` and the two digits of the sum.
const FRAMING_BYTES: usize = 4;

/// What a received byte completed, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    /// The byte is part of a packet, or of nothing.
    Nothing,
    /// A packet whose sum is right: [`PacketReader::whole`]. `again`: it is the very packet
    /// that came before it.
    Packet {
        /// Is it the same as the last one?
        again: bool,
    },
    /// A packet whose sum is wrong, or one that is too long.
    Bad,
    /// `+`: the last packet was acknowledged.
    Acknowledged,
    /// `-`: the last thing sent was garbled.
    Garbled,
    /// Ctrl-C (0x03) between packets: gdb asks for a stop.
    Interrupt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum PacketState {
    Between,
    Body,
    Sum(u8),
}

/// Takes packets of at most `N` bytes, `$` and sum included.
pub struct PacketReader<const N: usize> {
    bytes: [u8; N],
    used: usize,
    state: PacketState,
    sum: u8,
    said: u8,
    /// All bytes so far are those of the packet before.
    same: bool,
    /// Length of the packet before; 0 when there was none, or it was bad.
    before: usize,
}

impl<const N: usize> PacketReader<N> {
    /// A reader between two packets, with no packet before.
    pub const EMPTY: PacketReader<N> = PacketReader {
        bytes: [0; N],
        used: 0,
        state: PacketState::Between,
        sum: 0,
        said: 0,
        same: false,
        before: 0,
    };

    /// Takes the next byte from gdb and reports what it completed.
    pub fn feed(&mut self, byte: u8) -> Got {
        match (self.state, byte) {
            // A packet cannot contain a `$`: the end of the one before it was lost.
            (_, b'$') => self.begin(),
            (PacketState::Between, b'+') => Got::Acknowledged,
            (PacketState::Between, b'-') => Got::Garbled,
            (PacketState::Between, 3) => Got::Interrupt,
            (PacketState::Between, _) => Got::Nothing,
            (PacketState::Body, b'#') => {
                self.state = PacketState::Sum(0);
                self.said = 0;
                self.keep(byte)
            }
            (PacketState::Body, _) => {
                self.sum = self.sum.wrapping_add(byte);
                self.keep(byte)
            }
            (PacketState::Sum(digits), _) => self.digit(digits, byte),
        }
    }

    /// The packet behind [`Got::Packet`], from `$` to its checksum.
    pub fn whole(&self) -> &[u8] {
        &self.bytes[..self.before]
    }

    /// What stands between its `$` and its `#`.
    pub fn body(&self) -> &[u8] {
        self.bytes
            .get(1..self.before.saturating_sub(FRAMING_BYTES - 1))
            .unwrap_or(&[])
    }

    /// Forgets the packet before: the same one is no repetition.
    pub fn forget(&mut self) {
        (self.before, self.state) = (0, PacketState::Between);
    }

    /// Has a packet begun that has not ended?
    pub fn is_inside(&self) -> bool {
        !matches!(self.state, PacketState::Between)
    }

    /// Leaves the packet that has begun; the one before stays.
    pub fn stop(&mut self) {
        self.state = PacketState::Between;
    }

    fn begin(&mut self) -> Got {
        let cut_off = self.state != PacketState::Between;
        (self.used, self.sum, self.state) = (0, 0, PacketState::Body);
        self.same = !cut_off;
        if cut_off {
            self.before = 0;
        }
        self.keep(b'$');
        if cut_off { Got::Bad } else { Got::Nothing }
    }

    fn keep(&mut self, byte: u8) -> Got {
        let Some(place) = self.bytes.get_mut(self.used) else {
            self.forget();
            return Got::Bad;
        };
        self.same &= *place == byte;
        *place = byte;
        self.used += 1;
        Got::Nothing
    }

    fn digit(&mut self, digits: u8, byte: u8) -> Got {
        let Some(value) = char::from(byte).to_digit(16) else {
            self.forget();
            return Got::Bad;
        };
        self.said = self.said << 4 | value as u8;
        if self.keep(byte) == Got::Bad {
            return Got::Bad;
        }
        if digits == 0 {
            self.state = PacketState::Sum(1);
            return Got::Nothing;
        }
        self.state = PacketState::Between;
        if self.said != self.sum {
            self.before = 0;
            return Got::Bad;
        }
        let again = self.same && self.before == self.used;
        self.before = self.used;
        Got::Packet { again }
    }
}

/// The two digits that end a packet with this body.
pub fn sum(body: &[u8]) -> [u8; 2] {
    let sum = body.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    [hex(sum >> 4), hex(sum)]
}

/// The lowest four bits as a digit.
pub fn hex(value: u8) -> u8 {
    b"0123456789abcdef"[usize::from(value & 15)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn feed<const N: usize>(reader: &mut PacketReader<N>, bytes: &[u8]) -> Vec<Got> {
        let got = bytes.iter().map(|byte| reader.feed(*byte));
        got.filter(|got| *got != Got::Nothing).collect()
    }

    #[test]
    fn packets_acknowledgements_and_the_interrupt() {
        let mut reader = PacketReader::<64>::EMPTY;
        let fresh = Got::Packet { again: false };
        assert_eq!(
            feed(&mut reader, b"+$g#67-\x03"),
            [Got::Acknowledged, fresh, Got::Garbled, Got::Interrupt]
        );
        assert_eq!((reader.whole(), reader.body()), (&b"$g#67"[..], &b"g"[..]));
        assert_eq!(
            feed(&mut reader, b"$g#67"),
            [Got::Packet { again: true }],
            "the same"
        );
        assert_eq!(feed(&mut reader, b"$p1#a1"), [fresh]);
        assert_eq!(feed(&mut reader, b"$p1#a2"), [Got::Bad]);
        assert_eq!(feed(&mut reader, b"$p1#a1"), [fresh], "none is repeated");
        assert_eq!(feed(&mut reader, b"$p1#x"), [Got::Bad]);
        assert_eq!(feed(&mut reader, b"$p$g#67"), [Got::Bad, fresh]);
    }

    #[test]
    fn one_too_long_is_bad_and_the_next_is_heard() {
        let mut reader = PacketReader::<8>::EMPTY;
        let long = [&b"$"[..], &[b'x'; 20], b"#00"].concat();
        assert_eq!(feed(&mut reader, &long), [Got::Bad]);
        assert_eq!(feed(&mut reader, b"$g#67"), [Got::Packet { again: false }]);
    }

    proptest! {
        #[test]
        fn every_packet_is_taken_whatever_came_before(
            noise in prop::collection::vec(any::<u8>(), 0..100),
            body in "[a-z0-9:;,]{0,40}",
        ) {
            let mut reader = PacketReader::<64>::EMPTY;
            feed(&mut reader, &noise);
            let end = sum(body.as_bytes());
            let packet = [b"$", body.as_bytes(), b"#", &end].concat();
            let got = feed(&mut reader, &packet);
            prop_assert_eq!(got.last(), Some(&Got::Packet { again: false }));
            prop_assert_eq!(reader.body(), body.as_bytes());
        }
    }
}
