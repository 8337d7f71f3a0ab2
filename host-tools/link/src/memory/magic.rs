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
        b"KDUMP   ",
        "a dump of makedumpfile (KDUMP)",
        "QEMU writes a core by dump-guest-memory without -z, -l or -s; makedumpfile by -E",
    ),
    (
        b"makedumpfile\0",
        "a flattened dump of makedumpfile",
        "makedumpfile -R CORE < FILE puts it together; a core, dump-guest-memory without -z, is read as it is",
    ),
    (
        b"EMiL",
        "a dump of LiME",
        "LiME writes raw memory by format=raw: then FILE@0x80000000",
    ),
];

/// What the file is, if its first bytes say that it is none that is read.
pub fn foreign(first: &[u8]) -> Option<ForeignFile> {
    let known = KNOWN.iter().find(|(magic, ..)| first.starts_with(magic));
    if let Some((_, what, advice)) = known {
        return Some(ForeignFile { what, advice });
    }
    let text = first.trim_ascii_start();
    let is_record = |kind: u8| {
        let digits = text.get(2..10).unwrap_or_default();
        text.first() == Some(&kind) && digits.len() == 8 && digits.iter().all(u8::is_ascii_hexdigit)
    };
    if is_record(b'S') && matches!(text.get(1), Some(b'0'..=b'3')) {
        return Some(ForeignFile {
            what: "S-records",
            advice: "objcopy -I srec -O binary FILE RAW makes raw memory of it: then RAW@0x80000000",
        });
    }
    if is_record(b':') {
        return Some(ForeignFile {
            what: "Intel hex",
            advice: "objcopy -I ihex -O binary FILE RAW makes raw memory of it: then RAW@0x80000000",
        });
    }
    // UTF-16 is text all the same.
    let is_wide = matches!(crate::text::utf8(first), std::borrow::Cow::Owned(_));
    let zeros = first.iter().filter(|byte| **byte == 0).count();
    (!is_wide && zeros * 8 > first.len()).then_some(ForeignFile {
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
            (b"S00600004844521B\n", "S-records"),
            (b":020000048000007A\n", "Intel hex"),
            (&[0; 64], "no text"),
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
            &wide,
        ] {
            assert_eq!(foreign(text), None, "{text:?}");
        }
    }
}
