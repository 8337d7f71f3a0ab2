//! Sections of an object file, as `objdump -s` and `readelf -x` print them.
//!
//! ```text
//! Contents of section .data:
//!  80000000 01040020 00000000 cf000020 00000000  ... ....... ....
//! ```
//!
//! Each group is four bytes as they lie; the characters begin behind the fourth, or behind two blanks.

use memchr::memmem;

use super::row::hex;

/// Groups of a row.
const GROUPS: usize = 4;

/// Whether a section begins here.
pub(super) fn is_title(line: &[u8]) -> bool {
    let titles: [&[u8]; 2] = [b"Contents of section ", b"Hex dump of section "];
    titles.iter().any(|title| line.starts_with(title))
}

/// The address of a row and its bytes.
pub(super) fn row(line: &[u8]) -> Option<(u64, Vec<u8>)> {
    let line = line.strip_prefix(b"0x").unwrap_or(line);
    let (at, digits) = hex(line)?;
    let mut rest = line[digits..].strip_prefix(b" ")?;
    let mut bytes = Vec::new();
    for _ in 0..GROUPS {
        let end = memmem::find(rest, b" ").unwrap_or(rest.len());
        let group = &rest[..end];
        let is_even = matches!(group.len(), 2 | 4 | 6 | 8);
        if !is_even || !group.iter().all(u8::is_ascii_hexdigit) {
            break;
        }
        bytes.extend(group.chunks(2).filter_map(|two| Some(hex(two)?.0 as u8)));
        // A short group is the last; behind it are blanks alone until the characters.
        if group.len() < 8 {
            break;
        }
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    (!bytes.is_empty()).then_some((at, bytes))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_row_has_up_to_sixteen_bytes_as_they_lie() {
        let row = |line: &str| super::row(line.as_bytes());
        let whole = vec![1, 4, 0, 0x20, 0, 0, 0, 0, 0xcf, 0, 0, 0x20, 0, 0, 0, 0];
        for line in [
            "80000000 01040020 00000000 cf000020 00000000  ... ....... ....",
            "0x80000000 01040020 00000000 cf000020 00000000 ... ....... ....",
            "0x80000000 01040020 00000000 cf000020 00000000 deadbeef",
        ] {
            assert_eq!(row(line), Some((0x8000_0000, whole.clone())), "{line}");
        }
        let short = "80000010 0102                               ..";
        assert_eq!(row(short), Some((0x8000_0010, vec![1, 2])));
        assert_eq!(row("80000010"), None);
        assert_eq!(row(".data 01020304"), None);
    }
}
