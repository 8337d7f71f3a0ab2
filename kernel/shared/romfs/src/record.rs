//! The record in the Image that describes the initrd and the packed file to the kernel.
//!
//! ```text
//!  0 magic "PWALKREC"   8 version u32 = 1   12 flags u32 = 0
//! 16 initrd offset u64 (from the Image's first byte)   24 initrd size u64
//! 32 initrd CRC-32 u32  36 text CRC-32 u32  40 file size u64 (the whole Image)
//! 48 text size u64      56 reserved u32     60 CRC-32 u32 of bytes 0 to 60
//! ```
//! The text is the start of the Image, with its Linux header, up to `_text_end`; the running kernel does not
//! modify it. A text size of 0 means that its CRC was not computed. Little endian. The last 16 bytes of the
//! file are a trailer, which a truncated file lacks.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};

/// Size of the record in bytes.
pub const BYTES: usize = 64;
/// Size in bytes of the trailer at the end of the file.
pub const TRAILER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"PWALKREC";
const TRAILER_MAGIC: &[u8; 8] = b"PWALKEND";
const VERSION: u32 = 1;

/// Location and checksums of the initrd and the kernel's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Offset of the initrd from the Image's first byte, in bytes.
    pub initrd_offset: u64,
    /// Size of the initrd in bytes.
    pub initrd_size: u64,
    /// CRC-32/ISO-HDLC of the initrd.
    pub initrd_crc32: u32,
    /// Size of the Image in bytes, padding and trailer included.
    pub file_size: u64,
    /// Size of the kernel's text in bytes, from the Image's first byte; 0 if it has no CRC.
    pub text_size: u64,
    /// CRC-32/ISO-HDLC of the kernel's text.
    pub text_crc32: u32,
}

/// Why a record cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The magic is missing: the file was not packed.
    Missing,
    /// The CRC-32 is wrong.
    Damaged,
    /// An unknown version.
    Version(u32),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Missing => f.write_str("its record is empty"),
            RecordError::Damaged => f.write_str("its record is damaged"),
            RecordError::Version(version) => {
                write!(f, "its record has version {version}, this reads {VERSION}")
            }
        }
    }
}

impl core::error::Error for RecordError {}

impl Record {
    /// Decodes a record and checks its CRC-32.
    pub fn decode(bytes: &[u8; BYTES]) -> Result<Record, RecordError> {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if !bytes.starts_with(MAGIC) {
            return Err(RecordError::Missing);
        }
        if word(60) != crc32(&bytes[..60]) {
            return Err(RecordError::Damaged);
        }
        if word(8) != VERSION {
            return Err(RecordError::Version(word(8)));
        }
        Ok(Record {
            initrd_offset: long(16),
            initrd_size: long(24),
            initrd_crc32: word(32),
            file_size: long(40),
            text_size: long(48),
            text_crc32: word(36),
        })
    }

    /// Encodes the record with its CRC-32.
    pub fn encode(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.initrd_offset.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.initrd_size.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.initrd_crc32.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.text_crc32.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.file_size.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.text_size.to_le_bytes());
        let sum = crc32(&bytes[..60]);
        bytes[60..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The last bytes of the file. They contain the record's CRC, so that the end of an older, longer Image
    /// in RAM is not mistaken for them.
    pub fn trailer(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(TRAILER_MAGIC);
        bytes[8..12].copy_from_slice(&self.encode()[60..]);
        bytes
    }

    /// Whether `file`, the end of a file, is the trailer of this record.
    pub fn ends_whole(&self, file: &[u8]) -> bool {
        file.ends_with(&self.trailer())
    }
}

/// CRC-32/ISO-HDLC, as in zip and Ethernet.
pub fn crc32(bytes: &[u8]) -> u32 {
    const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record = Record {
        initrd_offset: 0x8_0000,
        initrd_size: 12345,
        initrd_crc32: 7,
        file_size: 0x8_4000,
        text_size: 0x2_1000,
        text_crc32: 9,
    };

    #[test]
    fn the_sum_is_the_one_everybody_means() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_record_survives_and_a_flipped_bit_does_not() {
        let bytes = RECORD.encode();
        assert_eq!(Record::decode(&bytes), Ok(RECORD));
        assert_eq!(Record::decode(&[0; BYTES]), Err(RecordError::Missing));
        for bit in 64..BYTES * 8 {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::decode(&bad), Err(RecordError::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn another_images_end_is_not_this_ones() {
        assert!(RECORD.ends_whole(&RECORD.trailer()));
        let other = Record {
            initrd_crc32: 8,
            ..RECORD
        };
        assert!(!RECORD.ends_whole(&other.trailer()));
        assert!(!RECORD.ends_whole(&[]));
    }
}
