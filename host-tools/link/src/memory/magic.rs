//! Files that are known by their first bytes, and must not be read as text.

/// What a file is, and what to do with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignFile {
    /// What it is.
    pub what: &'static str,
    /// How it becomes something that is read; `FILE` stands for its name.
    pub advice: &'static str,
}

/// First bytes, what they begin, and the way out.
const KNOWN: &[(&[u8], &str, &str)] = &[
    (
        b"\x1f\x8b",
        "compressed by gzip",
        "gzip -dk FILE unpacks it",
    ),
    (b"\xfd7zXZ\0", "compressed by xz", "xz -dk FILE unpacks it"),
    (
        b"\x28\xb5\x2f\xfd",
        "compressed by zstd",
        "zstd -d FILE unpacks it",
    ),
    (b"BZh", "compressed by bzip2", "bzip2 -dk FILE unpacks it"),
    (
        b"\x04\x22\x4d\x18",
        "compressed by lz4",
        "lz4 -d FILE unpacks it",
    ),
    (b"PK\x03\x04", "a zip archive", "unzip FILE unpacks it"),
    (
        b"\x7fELF",
        "an ELF file",
        "a core of physical memory is read by --core FILE or --from FILE",
    ),
    (
        b"KDUMP   ",
        "a KDUMP",
        "it is read by --core FILE or --from FILE",
    ),
    (
        b"makedumpfile\0",
        "a flattened dump of makedumpfile",
        "it is read by --core FILE or --from FILE",
    ),
    (
        b"EMiL",
        "a dump of LiME",
        "it is read by --core FILE or --from FILE",
    ),
];

/// What the file is, if its first bytes say that it is none that is read.
pub fn foreign(first: &[u8]) -> Option<ForeignFile> {
    let known = KNOWN.iter().find(|(magic, ..)| first.starts_with(magic));
    if let Some((_, what, advice)) = known {
        return Some(ForeignFile { what, advice });
    }
    // UTF-16 is text all the same.
    let is_wide = matches!(crate::text::utf8(first), std::borrow::Cow::Owned(_));
    let strange = first
        .iter()
        .filter(|byte| matches!(**byte, 0..=6 | 14..=26 | 28..=31));
    let is_text = is_wide || strange.count() * 16 <= first.len();
    (!is_text).then_some(ForeignFile {
        what: "no text",
        advice: "if it is raw memory, say where its first byte lay: FILE@0x80000000",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_text_is_named_with_a_way_out() {
        for (first, what) in [
            (&b"\x1f\x8b\x08\0"[..], "gzip"),
            (b"\xfd7zXZ\0\0", "xz"),
            (b"\x28\xb5\x2f\xfd\x04", "zstd"),
            (b"KDUMP   \x06\0\0\0", "KDUMP"),
            (b"makedumpfile\0\0\0\0", "flattened"),
            (b"EMiL\x01\0\0\0", "LiME"),
            (b"\x7fELF\x02\x01", "ELF"),
            (&[0; 64], "no text"),
            (
                b"\x97\x02\x00\x00\x93\x82\x42\x02\x13\x05\x05\x00",
                "no text",
            ),
        ] {
            let file = foreign(first).unwrap();
            assert!(file.what.contains(what), "{file:?}");
        }
    }

    #[test]
    fn text_is_text_in_either_encoding() {
        let wide: Vec<u8> = "80000000: 00000000 00000000"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for text in [
            &b"80000000: 00000000\n"[..],
            b"",
            b": 1",
            b"S1",
            b"SD:80000000|00",
            b"S00600004844521B\n",
            b":020000048000007A\n",
            b"\x1b[1m\x07\x08\x08",
            &wide,
        ] {
            assert_eq!(foreign(text), None, "{text:?}");
        }
    }
}
