//! Packings that are known and not opened: their files are refused with the command that unpacks them.

/// A way of packing that has no decoder here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherPacking {
    /// First bytes.
    magic: &'static [u8],
    /// What a file is, behind "it is".
    pub what: &'static str,
    /// The command that unpacks a file, without its name.
    pub command: &'static str,
}

/// Every one that is known.
const ALL: [OtherPacking; 10] = [
    other(BZIP2, "bzip2-compressed", "bzip2 -dk"),
    other(b"\x04\x22\x4d\x18", "lz4-compressed", "lz4 -dk"),
    other(
        b"\x02\x21\x4c\x18",
        "lz4-compressed (the kernel's old format)",
        "lz4 -dk",
    ),
    other(b"\x89LZO\0\r\n\x1a\n", "lzop-compressed", "lzop -d"),
    other(b"LZIP\x01", "lzip-compressed", "lzip -dk"),
    other(
        b"\x5d\0\0\x80\0\xff\xff",
        "lzma-compressed",
        "xz --format=lzma -dk",
    ),
    other(b"\x1f\x9d", "compressed by compress", "gzip -dk"),
    other(b"PK\x03\x04", "a zip archive", "unzip"),
    other(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
    other(b"Rar!\x1a\x07", "a RAR archive", "unrar x"),
];

/// Three letters, which text may begin with too: behind the level stands the beginning of the first block, or of the end.
const BZIP2: &[u8] = b"BZh";
const BLOCKS: [&[u8]; 2] = [b"\x31\x41\x59\x26\x53\x59", b"\x17\x72\x45\x38\x50\x90"];

/// Bytes at the beginning of a file that decide.
pub(crate) const LOOKED_AT: usize = 16;

const fn other(magic: &'static [u8], what: &'static str, command: &'static str) -> OtherPacking {
    OtherPacking {
        magic,
        what,
        command,
    }
}

impl OtherPacking {
    /// The packing of a file that begins so.
    pub fn of(first: &[u8]) -> Option<OtherPacking> {
        let is_begun = |it: &OtherPacking| match first.strip_prefix(it.magic) {
            Some([b'1'..=b'9', block @ ..]) if it.magic == BZIP2 => {
                BLOCKS.iter().any(|begin| block.starts_with(begin))
            }
            behind => behind.is_some() && it.magic != BZIP2,
        };
        ALL.into_iter().find(is_begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_memory_that_only_begin_alike_are_no_archives() {
        for first in [
            &b"BZh"[..],
            b"BZh9 is how bzip2 begins",
            b"PK",
            b"7z",
            b"LZIP",
            b"\x04\x22",
            b"\x97\x02\0\0",
            b"",
        ] {
            assert_eq!(OtherPacking::of(first), None, "{first:?}");
        }
        let bzip2 = OtherPacking::of(b"BZh91AY&SY\x12\x34");
        assert_eq!(bzip2.map(|it| it.command), Some("bzip2 -dk"));
        let empty = OtherPacking::of(b"BZh9\x17\x72\x45\x38\x50\x90\0\0\0\0");
        assert!(empty.is_some());
    }
}
