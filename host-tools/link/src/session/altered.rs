//! Detects a line that changes bytes, by frames with a wrong checksum and the change that repairs them.
//!
//! A terminal that is not raw, a bad adapter, a wrong speed and flow control have one symptom: the board does
//! not answer. Their effects on a frame differ.

use std::fmt;

use wire::Splitter;

use crate::words::counted;

/// Limit of damaged frames that are searched for a missing byte: a search takes thousands of attempts.
const MOST_SEARCHED: u32 = 8;

/// Limit of newlines in a frame, each of which may have been a return.
const MOST_NEWLINES: usize = 6;

/// A change that a line makes to bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// Every `\n` becomes `\r\n`: a terminal's ONLCR.
    Newlines,
    /// Every `\r` becomes `\n`: a terminal's ICRNL.
    Returns,
    /// This byte is dropped: `\r` by IGNCR, 0x11 and 0x13 by flow control.
    Swallowed(u8),
}

/// Damage to frames during a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Number of valid frames.
    pub good: u64,
    /// Number of damaged frames.
    pub bad: u64,
    /// The change, if a frame revealed it.
    pub change: Option<Alteration>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { good, bad, .. } = self;
        match bad {
            0 => f.write_str(
                "the board is there and answers nothing: the line changes what is sent to it",
            )?,
            bad => write!(f, "{bad} of {} came damaged", counted(good + bad, "frame"))?,
        }
        match self.change {
            Some(Alteration::Newlines) => f.write_str(": the line turns \\n into \\r\\n")?,
            Some(Alteration::Returns) => f.write_str(": the line turns \\r into \\n")?,
            Some(Alteration::Swallowed(byte)) => {
                write!(f, ": the line swallows the byte {byte:#04x}")?
            }
            None => {}
        }
        f.write_str(
            "; is it 8-bit clean, at the board's speed and without flow control? `stty raw` on \
             every terminal between makes it so",
        )
    }
}

/// Examines the bytes of a line beside the decoder.
#[derive(Default)]
pub struct Watch {
    /// Bytes since the last zero.
    raw: Vec<u8>,
    damage: Damage,
    searched: u32,
}

impl Watch {
    /// Adds the next byte of the line.
    pub fn byte(&mut self, byte: u8) {
        match byte {
            0 => self.raw.clear(),
            // Longer than any frame, so it is not one.
            _ if self.raw.len() < 2 * wire::LARGEST => self.raw.push(byte),
            _ => {}
        }
    }

    /// Counts a valid frame.
    pub fn good(&mut self) {
        self.damage.good += 1;
    }

    /// Examines the bytes before this zero, which should have been a frame.
    pub fn bad(&mut self) {
        self.damage.bad += 1;
        if self.damage.change.is_none() {
            self.damage.change = self.change();
        }
    }

    /// The damage since the last [`Watch::begin`].
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Restarts the counts for another question. A detected change is kept.
    pub fn begin(&mut self) {
        let change = self.damage.change;
        self.damage = Damage {
            change,
            ..Damage::default()
        };
    }

    /// The change that, reverted, makes the held bytes a valid frame.
    fn change(&mut self) -> Option<Alteration> {
        let raw = &self.raw;
        if is_frame(&without_returns(raw)) {
            return Some(Alteration::Newlines);
        }
        if has_returns(raw) {
            return Some(Alteration::Returns);
        }
        if self.searched == MOST_SEARCHED {
            return None;
        }
        self.searched += 1;
        let mut whole = raw.clone();
        for byte in [b'\r', 0x11, 0x13] {
            for at in 0..=raw.len() {
                whole.insert(at, byte);
                if is_frame(&whole) {
                    return Some(Alteration::Swallowed(byte));
                }
                whole.remove(at);
            }
        }
        None
    }
}

/// Whether replacing some `\n` by `\r` makes a valid frame; which of them is unknown.
fn has_returns(raw: &[u8]) -> bool {
    let newlines = raw.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let places: Vec<usize> = newlines.map(|(place, _)| place).collect();
    if places.len() > MOST_NEWLINES {
        return false;
    }
    (1..1_u32 << places.len()).any(|chosen| {
        let mut whole = raw.to_vec();
        for (n, place) in places.iter().enumerate() {
            if chosen >> n & 1 == 1 {
                whole[*place] = b'\r';
            }
        }
        is_frame(&whole)
    })
}

/// The bytes without each `\r` before a `\n`.
fn without_returns(raw: &[u8]) -> Vec<u8> {
    let followers = raw.iter().skip(1).map(Some).chain([None]);
    let pairs = raw.iter().zip(followers);
    let kept = pairs.filter(|(byte, next)| **byte != b'\r' || *next != Some(&b'\n'));
    kept.map(|(byte, _)| *byte).collect()
}

fn is_frame(raw: &[u8]) -> bool {
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let mut is_frame = false;
    for byte in [0].iter().chain(raw).chain(&[0]) {
        is_frame |= matches!(splitter.feed(*byte), Some(wire::Split::Frame(_)));
    }
    is_frame
}

#[cfg(test)]
mod tests {
    use wire::Frame;

    use super::*;

    /// A frame with every byte that a terminal treats specially.
    fn frame() -> Vec<u8> {
        let mut out = vec![0; wire::LARGEST];
        let frame = Frame {
            kind: 0x84,
            sequence: 0x0102,
            payload: b"words\nof memory\rand \x11 the rest \xff\x80",
        };
        let used = frame.encode(&mut out).expect("room");
        out.truncate(used);
        out
    }

    fn watched(line: impl Fn(&[u8]) -> Vec<u8>) -> Damage {
        let mut watch = Watch::default();
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        for byte in line(&frame()) {
            match splitter.feed(byte) {
                Some(wire::Split::Frame(_)) => watch.good(),
                Some(wire::Split::Bad(_)) => watch.bad(),
                _ => {}
            }
            watch.byte(byte);
        }
        watch.damage()
    }

    #[test]
    fn what_a_terminal_does_to_a_frame_is_named() {
        let turn = |from: u8, to: &'static [u8]| {
            watched(move |bytes| {
                let turned = bytes.iter().map(|byte| match *byte == from {
                    true => to.to_vec(),
                    false => vec![*byte],
                });
                turned.collect::<Vec<_>>().concat()
            })
        };
        let changes = [
            (turn(b'\n', b"\r\n"), Some(Alteration::Newlines)),
            (turn(b'\r', b"\n"), Some(Alteration::Returns)),
            (turn(b'\r', b""), Some(Alteration::Swallowed(b'\r'))),
            (turn(0x11, b""), Some(Alteration::Swallowed(0x11))),
            (turn(b'w', b"W"), None),
        ];
        for (damage, change) in changes {
            assert_eq!((damage.good, damage.bad), (0, 1), "{damage}");
            assert_eq!(damage.change, change, "{damage}");
        }
        let clean = watched(<[u8]>::to_vec);
        assert_eq!((clean.good, clean.bad, clean.change), (1, 0, None));
    }

    #[test]
    fn noise_is_damage_without_a_name() {
        let damage = watched(|bytes| {
            let mut bytes = bytes.to_vec();
            bytes[7] ^= 0x40;
            bytes
        });
        assert_eq!((damage.bad, damage.change), (1, None));
        assert!(damage.to_string().contains("stty raw"), "{damage}");
    }
}
