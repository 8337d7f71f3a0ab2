//! Lines of a dump as its tool printed them, whatever carried them here.
//!
//! ```text
//! > 80000000: 01 04 00 20        quoted by a mail, added by a diff
//! 80000000: …<br>80000010: …     lines of a page; `\n` of a string in JSON
//! 00000000`80000000  01 04-00 20 WinDbg's halves, the middle of sixteen bytes
//! ```

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memmem};

use crate::text::plain;

/// The text with real ends of lines, where it has them written as `<br>` or as `\n`.
pub(super) fn unfolded(text: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPED: &[u8] = b"\\n";
    let has_breaks = memmem::find(text, b"<br").is_some();
    let escaped = memmem::find_iter(text, ESCAPED).count();
    let is_escaped = escaped > memchr_iter(b'\n', text).count();
    if !has_breaks && !is_escaped {
        return Cow::Borrowed(text);
    }
    let mut unfolded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.first() {
        let length = match first {
            b'<' if rest.starts_with(b"<br") => memchr(b'>', rest).map(|end| end + 1),
            b'\\' if is_escaped && rest.starts_with(ESCAPED) => Some(ESCAPED.len()),
            _ => None,
        };
        unfolded.push(if length.is_some() { b'\n' } else { *first });
        rest = &rest[length.unwrap_or(1)..];
    }
    Cow::Owned(unfolded)
}

/// Lines that are not empty, without what was put around them.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = Cow<'_, [u8]>> + Clone {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    let lines = lines.map(|line| match plain(line) {
        Cow::Borrowed(line) => whole(unquoted(line)),
        Cow::Owned(line) => Cow::Owned(whole(unquoted(&line)).into_owned()),
    });
    lines.filter(|line| !line.is_empty())
}

/// Without the marks of a mail, and of a line that a diff adds; pwndbg counts offsets so.
fn unquoted(line: &[u8]) -> &[u8] {
    let mut line = line.trim_ascii_start();
    while let Some(rest) = line.strip_prefix(b">") {
        line = rest.trim_ascii_start();
    }
    let Some(added) = line.strip_prefix(b"+") else {
        return line;
    };
    let offset = added.iter().take_while(|it| it.is_ascii_hexdigit()).count();
    match added[offset..].strip_prefix(b" ") {
        Some(rest) if rest.starts_with(b"0x") => rest,
        _ => added,
    }
}

/// With its numbers whole, and its bytes apart.
fn whole(line: &[u8]) -> Cow<'_, [u8]> {
    if memchr(b'`', line).is_none() && middle(line).is_none() {
        return Cow::Borrowed(line);
    }
    let mut line = line.to_vec();
    while let Some(at) = half(&line) {
        line.remove(at);
    }
    if let Some(at) = middle(&line) {
        line[at] = b' ';
    }
    Cow::Owned(line)
}

/// Where WinDbg parts a number of 64 bits.
fn half(line: &[u8]) -> Option<usize> {
    let is_half = |part: Option<&[u8]>| part.is_some_and(|it| it.iter().all(u8::is_ascii_hexdigit));
    memchr_iter(b'`', line).find(|at| {
        let before = at.checked_sub(8).map(|from| &line[from..*at]);
        is_half(before) && is_half(line.get(at + 1..at + 9))
    })
}

/// Where the dash between the eighth and the ninth byte of a row is.
fn middle(line: &[u8]) -> Option<usize> {
    let is_byte = |part: Option<&[u8]>| match part {
        Some([b' ', two @ ..] | [two @ .., b' ']) => two.iter().all(u8::is_ascii_hexdigit),
        _ => false,
    };
    memchr_iter(b'-', line).find(|at| {
        let before = at.checked_sub(3).map(|from| &line[from..*at]);
        is_byte(before) && is_byte(line.get(at + 1..at + 4))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let text = unfolded(text.as_bytes());
        let lines = lines(&text);
        lines
            .map(|line| String::from_utf8_lossy(&line).into_owned())
            .collect()
    }

    #[test]
    fn what_carried_a_line_is_no_part_of_it() {
        for (text, line) in [
            ("> > 80: 01", "80: 01"),
            ("+80: 01", "80: 01"),
            ("+0010 0x80  01", "0x80  01"),
            (
                "00000000`80000000  12345678`9abcdef0",
                "0000000080000000  123456789abcdef0",
            ),
            ("80000000: 01 02-03 04", "80000000: 01 02 03 04"),
            ("a-b 2026-11-28 `word`", "a-b 2026-11-28 `word`"),
        ] {
            assert_eq!(all(text), [line], "{text}");
        }
        assert_eq!(all("a<br>b<br/>c"), ["a", "b", "c"]);
        assert_eq!(all(r"a\nb\nc"), ["a", "b", "c"]);
        // In characters of a dump it is no end.
        assert_eq!(all("80: 5c6e  \\n\n90: 00  .\n").len(), 2);
    }
}
