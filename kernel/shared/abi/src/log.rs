//! Layout of the fault log in memory, for readers that find it there: the next boot, or a host.
//!
//! A kernel has two logs, one after the other, each a header and a ring. A boot writes to the older one, or
//! to an invalid one, and preserves the other. Both start at a page boundary. Numbers are little endian.
//!
//! ```text
//!  0        8       12       16       20    24        32   40        48    56       64
//!  | magic  |version| record |capacity| boot| ticks/s | sum| zero    | next| zero   | ring …
//! ```

use crate::Fault;

/// First eight bytes of a header.
pub const MAGIC: [u8; 8] = *b"PWFAULTS";
/// Version of this layout. It changes when the meaning of a field does.
pub const VERSION: u32 = 1;
/// Size in bytes of a header, and of a record.
pub const RECORD_BYTES: usize = size_of::<Fault>();

/// Header of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogHeader {
    /// Number of records in the ring.
    pub capacity: u32,
    /// Number of the boot, from 1, for as long as memory preserves it.
    pub boot: u32,
    /// Frequency of a record's `time`, in hertz.
    pub ticks_per_second: u64,
    /// Sequence number of the next record, which is also the number of records written. Record `n` is at
    /// index `n % capacity`.
    pub next: u64,
}

impl LogHeader {
    /// Sequence number of the oldest record in the ring.
    pub fn oldest(&self) -> u64 {
        self.next.saturating_sub(self.capacity.into())
    }

    /// Encodes the header in the size and layout of a record.
    pub fn to_record(&self) -> Fault {
        let magic = u64::from_le_bytes(MAGIC);
        let kind = u64::from(VERSION) | (RECORD_BYTES as u64) << 32;
        let size = u64::from(self.capacity) | u64::from(self.boot) << 32;
        let sum = sum([magic, kind, size, self.ticks_per_second]);
        Fault {
            time: magic,
            epc: kind,
            va: size,
            entry: self.ticks_per_second,
            frame: sum as u32,
            cost: (sum >> 32) as u32,
            satp: self.next,
            task: 0,
            level: 0,
            ..Fault::EMPTY
        }
    }

    /// Decodes a header; `None` for a wrong magic, version or checksum.
    pub fn of_record(record: &Fault) -> Option<LogHeader> {
        let header = LogHeader {
            capacity: record.va as u32,
            boot: (record.va >> 32) as u32,
            ticks_per_second: record.entry,
            next: record.satp,
        };
        (header.to_record() == *record).then_some(header)
    }
}

/// FNV-1a over 64-bit words: sufficient to distinguish a header from arbitrary memory.
fn sum(words: [u64; 4]) -> u64 {
    words.iter().fold(0xcbf2_9ce4_8422_2325, |sum, word| {
        (sum ^ word).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Fault {
    /// Encodes a record as in memory; [`of_bytes`](Self::of_bytes) is the inverse.
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let frame = u64::from(self.frame) | u64::from(self.cost) << 32;
        let small = [
            self.cause,
            self.access,
            self.level,
            self.source,
            self.class,
            self.outcome,
        ];
        let small = (0_u32..)
            .zip(small)
            .fold(u64::from(self.task), |word, (n, byte)| {
                word | u64::from(byte) << (16 + 8 * n)
            });
        let rest = (0_u32..)
            .zip(self.reserved)
            .fold(u64::from(self.hart), |word, (n, part)| {
                word | u64::from(part) << (16 + 16 * n)
            });
        let words = [
            self.time, self.epc, self.va, self.entry, frame, small, self.satp, rest,
        ];
        let mut bytes = [0; RECORD_BYTES];
        for (place, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// Decodes a record from memory.
    pub fn of_bytes(bytes: &[u8; RECORD_BYTES]) -> Fault {
        let word = |at: usize| {
            let part = bytes[at..at + 8].first_chunk::<8>();
            u64::from_le_bytes(*part.unwrap_or(&[0; 8]))
        };
        let (frame, small, rest) = (word(32), word(40), word(56));
        Fault {
            time: word(0),
            epc: word(8),
            va: word(16),
            entry: word(24),
            frame: frame as u32,
            cost: (frame >> 32) as u32,
            task: small as u16,
            cause: (small >> 16) as u8,
            access: (small >> 24) as u8,
            level: (small >> 32) as u8,
            source: (small >> 40) as u8,
            class: (small >> 48) as u8,
            outcome: (small >> 56) as u8,
            satp: word(48),
            hart: rest as u16,
            reserved: [
                (rest >> 16) as u16,
                (rest >> 32) as u16,
                (rest >> 48) as u16,
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: LogHeader = LogHeader {
        capacity: 4096,
        boot: 3,
        ticks_per_second: 10_000_000,
        next: 5000,
    };

    #[test]
    fn a_header_comes_back_and_nothing_else_is_one() {
        let record = HEADER.to_record();
        assert_eq!(LogHeader::of_record(&record), Some(HEADER));
        assert_eq!(HEADER.oldest(), 904);
        // The checksum leaves out the fields that change with every record.
        let later = Fault {
            satp: 5001,
            ..record
        };
        assert_eq!(LogHeader::of_record(&later).map(|it| it.next), Some(5001));
        for wrong in [
            Fault::EMPTY,
            Fault { time: 0, ..record },
            Fault {
                epc: record.epc + 1,
                ..record
            },
            Fault {
                va: record.va + 1,
                ..record
            },
            Fault {
                cost: !record.cost,
                ..record
            },
            Fault {
                outcome: 1,
                ..record
            },
        ] {
            assert_eq!(LogHeader::of_record(&wrong), None, "{wrong:x?}");
        }
    }

    #[test]
    fn fields_of_a_record_lie_where_the_drawing_has_them() {
        let bytes: [u8; RECORD_BYTES] = core::array::from_fn(|n| n as u8);
        let fault = Fault::of_bytes(&bytes);
        assert_eq!(
            (fault.time, fault.satp),
            (0x0706_0504_0302_0100, 0x3736_3534_3332_3130)
        );
        assert_eq!((fault.frame, fault.cost), (0x2322_2120, 0x2726_2524));
        assert_eq!(
            (fault.task, fault.cause, fault.access),
            (0x2928, 0x2a, 0x2b)
        );
        assert_eq!((fault.level, fault.source), (0x2c, 0x2d));
        assert_eq!(
            (fault.class, fault.outcome, fault.hart),
            (0x2e, 0x2f, 0x3938)
        );
        assert_eq!(fault.reserved, [0x3b3a, 0x3d3c, 0x3f3e]);
        assert_eq!(fault.to_bytes(), bytes);
    }
}
