//! The record in the Image that tells the kernel where its initrd is, and what it was packed as.
//!
//! ```text
//!  0 magic "PWALKREC"   8 version u32 = 1   12 flags u32 = 0
//! 16 initrd offset u64 (from the Image's first byte)   24 initrd size u64
//! 32 initrd CRC-32 u32  36 text CRC-32 u32  40 file size u64 (the whole Image)
//! 48 text size u64      56 reserved u32     60 CRC-32 u32 of bytes 0 to 60
//! ```
//! The text is the Image's first bytes, its Linux header included, up to `_text_end`: nothing
//! writes there while the kernel runs. A size of 0 means that the packer took no CRC of it.
//! Little endian. The file's last 16 bytes are a trailer: a file that was cut lacks it.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};

/// Bytes of the record.
pub const BYTES: usize = 64;
/// Bytes of the trailer at the end of the file.
pub const TRAILER_BYTES: usize = 16;
const MAGIC: &[u8; 8] = b"PWALKREC";
const TRAILER_MAGIC: &[u8; 8] = b"PWALKEND";
const VERSION: u32 = 1;

/// Where the initrd is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// In bytes from the Image's first byte.
    pub initrd_offset: u64,
    /// In bytes.
    pub initrd_size: u64,
    /// CRC-32/ISO-HDLC of the initrd.
    pub initrd_crc32: u32,
    /// The whole Image in bytes, pad and trailer included.
    pub file_size: u64,
    /// Bytes of the kernel's text, from the Image's first byte; 0 if it has no CRC.
    pub text_size: u64,
    /// CRC-32/ISO-HDLC of the kernel's text.
    pub text_crc32: u32,
}

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The magic is missing: nothing was packed.
    Missing,
    /// Its CRC-32 is wrong.
    Damaged,
    /// A version of the future.
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
    /// Reads a record.
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

    /// Writes it.
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

    /// The file's last bytes: they carry the record's own CRC, so that what an older, longer
    /// Image left in RAM is not taken for them.
    pub fn trailer(&self) -> [u8; TRAILER_BYTES] {
        let mut bytes = [0; TRAILER_BYTES];
        bytes[..8].copy_from_slice(TRAILER_MAGIC);
        bytes[8..12].copy_from_slice(&self.encode()[60..]);
        bytes
    }

    /// Does a file that ends in these bytes end as this record says?
    pub fn ends_whole(&self, file: &[u8]) -> bool {
        file.ends_with(&self.trailer())
    }
}

/// CRC-32/ISO-HDLC, the one of zip and Ethernet.
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
