//! Text as it was meant: without colours, and in one encoding.
//!
//! A log comes out of a terminal with its escape codes, out of PowerShell in UTF-16, out of a forum's page
//! with its entities, out of a mail with `> ` before each line. What means a number is the same in all of them.

use std::borrow::Cow;

use memchr::memchr;

use super::markup;

/// Bytes that decide of what encoding a text is: two lines' worth.
pub(super) const FEW: usize = 64;

/// UTF-16 of either byte order as UTF-8, by its byte order mark or by the zeros between its
/// letters; all else as it is. An odd last byte is left out.
pub fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_little = match bytes {
        [0xff, 0xfe, ..] => true,
        [0xfe, 0xff, ..] => false,
        [0xef, 0xbb, 0xbf, rest @ ..] => return Cow::Borrowed(rest),
        // Letters of ASCII, every second byte zero.
        _ => match looks_wide(&bytes[..bytes.len().min(FEW)]) {
            Some(is_little) => is_little,
            None => return Cow::Borrowed(bytes),
        },
    };
    let units = bytes.chunks_exact(2).map(|pair| match is_little {
        true => u16::from_le_bytes([pair[0], pair[1]]),
        false => u16::from_be_bytes([pair[0], pair[1]]),
    });
    let text: String = char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|letter| *letter != '\u{feff}')
        .collect();
    Cow::Owned(text.into_bytes())
}

/// Whether it is UTF-16 without a mark, and if so whether the low byte comes first.
fn looks_wide(first: &[u8]) -> Option<bool> {
    let is_letter = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    let pairs = first.chunks_exact(2);
    if pairs.len() < 8 {
        return None;
    }
    let little = pairs.clone().all(|it| is_letter(it[0]) && it[1] == 0);
    let mut pairs = pairs;
    let big = pairs.all(|it| it[0] == 0 && is_letter(it[1]));
    match (little, big) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// A line without what a terminal, a page or an editor put around its letters: escape codes (`ESC [ … letter`,
/// `ESC ] … BEL`, `ESC` and one letter, also spelled `^[[31m` or `\x1b[31m`), HTML's tags and entities, and
/// blanks that do not break.
pub fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let by_terminal = without_escapes(line);
    match by_terminal {
        Cow::Borrowed(line) => markup::plain(line),
        Cow::Owned(line) => match markup::plain(&line) {
            Cow::Owned(plain) => Cow::Owned(plain),
            Cow::Borrowed(_) => Cow::Owned(line),
        },
    }
}

fn without_escapes(line: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPE: u8 = 0x1b;
    if memchr(ESCAPE, line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut kept = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = memchr(ESCAPE, rest) {
        kept.extend_from_slice(&rest[..at]);
        let code = &rest[at + 1..];
        let length = match code.first() {
            Some(b'[') => markup::control_sequence(&code[1..]).map(|end| end + 1),
            Some(b']') => code.iter().position(|it| *it == 7).map(|end| end + 1),
            Some(_) => Some(1),
            None => None,
        };
        rest = &code[length.unwrap_or(code.len())..];
    }
    kept.extend_from_slice(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_become_one_text() {
        let text = "scause 000000000000000d\r\nsepc 0000000080000004\r\né";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (mark, wide) in [(&[0xff, 0xfe][..], &little), (&[0xfe, 0xff], &big)] {
            let marked = [mark, wide].concat();
            assert_eq!(utf8(&marked), text.as_bytes());
            assert_eq!(utf8(wide), text.as_bytes(), "no mark");
        }
        assert_eq!(utf8(b"\xef\xbb\xbfabc"), &b"abc"[..]);
        assert_eq!(utf8(b"abc\0\0"), &b"abc\0\0"[..]);
    }

    #[test]
    fn colours_and_titles_are_no_text() {
        assert_eq!(plain(b"\x1b[34m0x80\x1b[m:\t1"), &b"0x80:\t1"[..]);
        assert_eq!(plain(b"\x1b]0;title\x07a\x1b=b"), &b"ab"[..]);
        for cut in [&b"a\x1b"[..], b"a\x1b[", b"a\x1b[31", b"a\x1b]x"] {
            assert_eq!(plain(cut), &b"a"[..], "{cut:?}");
        }
        assert!(matches!(plain(b"plain"), Cow::Borrowed(_)));
    }
}
