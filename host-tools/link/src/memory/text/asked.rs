//! Memory that was asked for word by word: a command, and the value on the next line.
//!
//! ```text
//! # devmem 0x80000000 64        > read_memory 0x80000000 64 2        (machine) sysbus ReadQuadWord 0x80000000
//! 0x0000000020000401            0x20000401 0x0                       0x0000000020000401
//! ```

use memchr::memmem;

use super::row::hex;

/// Commands: what each is called, at which word behind it the address is, and the bits of a value; 0 where the
/// word behind the address says them, or nothing does.
const COMMANDS: [(&[u8], usize, usize); 7] = [
    (b"devmem ", 1, 0),
    (b"read_memory ", 1, 0),
    (b"(spike) mem ", 3, 64),
    (b"ReadQuadWord ", 1, 64),
    (b"ReadDoubleWord ", 1, 32),
    (b"ReadWord ", 1, 16),
    (b"ReadByte ", 1, 8),
];

/// Bits of a value where nothing says them: those of BusyBox.
const USUAL_BITS: usize = 32;

/// A question whose answer is the next line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    at: u64,
    bits: usize,
}

impl Asked {
    /// The question on a line.
    pub fn on(line: &[u8]) -> Option<Asked> {
        COMMANDS.iter().find_map(|(command, place, bits)| {
            let at = memmem::find(line, command)?;
            let mut words = line[at..]
                .split(|it| *it == b' ')
                .filter(|it| !it.is_empty());
            let address = words.nth(*place)?;
            let address = address.strip_prefix(b"0x").unwrap_or(address);
            let (at, _) = hex(address).filter(|(_, digits)| *digits == address.len())?;
            let mut said = || {
                let word = str::from_utf8(words.next()?).ok()?;
                word.trim().parse().ok()
            };
            let bits = match bits {
                0 => said().unwrap_or(USUAL_BITS),
                bits => *bits,
            };
            matches!(bits, 8 | 16 | 32 | 64).then_some(Asked { at, bits })
        })
    }

    /// The bytes that a line answers with, and where they lie; `None` if it is no answer.
    pub fn answered(self, line: &[u8]) -> Option<(u64, Vec<u8>)> {
        let mut bytes = Vec::new();
        for word in line
            .split(u8::is_ascii_whitespace)
            .filter(|it| !it.is_empty())
        {
            let digits = word.strip_prefix(b"0x")?;
            let (value, _) = hex(digits).filter(|(_, count)| *count == digits.len())?;
            if self.bits < 64 && value >> self.bits != 0 {
                return None;
            }
            bytes.extend_from_slice(&value.to_le_bytes()[..self.bits / 8]);
        }
        (!bytes.is_empty()).then_some((self.at, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_asked_and_answered() {
        for (command, answer, bytes) in [
            ("# devmem 0x80000000 64", "0x0000000020000401", 8),
            ("$ sudo busybox devmem 0x80000000", "0x20000401", 4),
            ("> read_memory 0x80000000 64 2", "0x20000401 0x0", 16),
            ("(spike) mem 0 80000000", "0x0000000020000401", 8),
            (
                "(machine-0) sysbus ReadQuadWord 0x80000000",
                "0x0000000020000401",
                8,
            ),
            ("sysbus ReadDoubleWord 0x80000000", "0x20000401", 4),
        ] {
            let asked = Asked::on(command.as_bytes()).expect(command);
            let (at, read) = asked.answered(answer.as_bytes()).expect(answer);
            assert_eq!((at, read.len()), (0x8000_0000, bytes), "{command}");
            assert_eq!(read[..4], [1, 4, 0, 0x20], "{command}");
        }
        for command in [
            "devmem",
            "devmem 0x80000000 65",
            "read_memory x 8",
            "ReadByte",
        ] {
            assert_eq!(Asked::on(command.as_bytes()), None, "{command}");
        }
        let asked = Asked::on(b"devmem 0x80000000 8").unwrap();
        assert_eq!(asked.answered(b"0x100"), None);
        assert_eq!(asked.answered(b"Segmentation fault"), None);
    }
}
