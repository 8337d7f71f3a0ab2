//! What pages and editors make of a log's letters.
//!
//! ```text
//! &gt; &#62; &nbsp;           <td>scause</td><td>0xd</td>      <span class="line">…</span>
//! ^[[31m  \x1b[31m  \033[31m  \u001b[31m                       an escape code as its letters
//! ```
//!
//! A tag is taken out only if it is one of HTML's: `<symbol+8>` and `<err>` are a log's own.

use std::borrow::Cow;

use memchr::{memchr, memchr2_iter, memchr3_iter};

/// Tags around lines, cells and words.
const TAGS: &[&[u8]] = &[
    b"a",
    b"b",
    b"blockquote",
    b"br",
    b"code",
    b"div",
    b"em",
    b"font",
    b"i",
    b"kbd",
    b"li",
    b"mark",
    b"ol",
    b"p",
    b"pre",
    b"samp",
    b"span",
    b"strong",
    b"table",
    b"tbody",
    b"td",
    b"th",
    b"thead",
    b"tr",
    b"tt",
    b"u",
    b"ul",
];

/// Entities and what they are.
const ENTITIES: &[(&[u8], &[u8])] = &[
    (b"gt", b">"),
    (b"lt", b"<"),
    (b"amp", b"&"),
    (b"quot", b"\""),
    (b"apos", b"'"),
    (b"nbsp", b" "),
    (b"ensp", b" "),
    (b"emsp", b" "),
    (b"thinsp", b" "),
    (b"vert", b"|"),
    (b"colon", b":"),
    (b"equals", b"="),
];

/// What an escape code begins with where it was written as letters.
const ESCAPES: [&[u8]; 6] = [
    b"^[[",
    b"\\x1b[",
    b"\\x1B[",
    b"\\033[",
    b"\\e[",
    b"\\u001b[",
];

/// A line without them.
pub(super) fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let mut marks = memchr3_iter(b'&', b'<', 0xc2, line).chain(memchr2_iter(b'^', b'\\', line));
    match marks.any(|at| mark(&line[at..]).is_some()) {
        true => Cow::Owned(replaced(line)),
        false => Cow::Borrowed(line),
    }
}

/// Length of a control sequence behind its bracket, with its last letter.
pub(super) fn control_sequence(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|it| matches!(it, 0x40..=0x7e))?;
    Some(end + 1)
}

fn replaced(line: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        match mark(&line[at..]) {
            Some((length, instead)) => {
                kept.extend_from_slice(&instead);
                at += length;
            }
            None => {
                kept.push(line[at]);
                at += 1;
            }
        }
    }
    kept
}

/// What begins here, if anything: its length, and what stands for it.
fn mark(text: &[u8]) -> Option<(usize, Cow<'static, [u8]>)> {
    match text {
        [b'&', ..] => entity(text),
        [b'<', ..] => tag(text),
        // The blank that does not break, in UTF-8.
        [0xc2, 0xa0, ..] => Some((2, Cow::Borrowed(b" "))),
        [b'^' | b'\\', ..] => {
            let begin = ESCAPES.into_iter().find(|it| text.starts_with(it))?;
            let length = control_sequence(&text[begin.len()..])?;
            Some((begin.len() + length, Cow::Borrowed(b"")))
        }
        _ => None,
    }
}

/// `&gt;`, `&#62;`, `&#x3e;`.
fn entity(text: &[u8]) -> Option<(usize, Cow<'static, [u8]>)> {
    let end = text.iter().take(10).position(|it| *it == b';')?;
    let name = &text[1..end];
    if let Some((_, means)) = ENTITIES.iter().find(|(known, _)| *known == name) {
        return Some((end + 1, Cow::Borrowed(means)));
    }
    let digits = str::from_utf8(name.strip_prefix(b"#")?).ok()?;
    let hex = digits.strip_prefix(['x', 'X']);
    let number = match hex {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    let letter = match char::from_u32(number.ok()?)? {
        '\u{a0}' => ' ',
        letter => letter,
    };
    Some((end + 1, Cow::Owned(letter.to_string().into_bytes())))
}

/// A tag of HTML; one that ends a cell is a blank.
fn tag(text: &[u8]) -> Option<(usize, Cow<'static, [u8]>)> {
    let inside = text[1..].strip_prefix(b"/").unwrap_or(&text[1..]);
    let length = inside
        .iter()
        .take(12)
        .take_while(|it| it.is_ascii_alphabetic())
        .count();
    let name = inside[..length].to_ascii_lowercase();
    let is_ended = matches!(inside.get(length), Some(b'>' | b' ' | b'/'));
    if !is_ended || !TAGS.contains(&&name[..]) {
        return None;
    }
    let end = memchr(b'>', text)?;
    // gdb's label of a row: `0x80000000 <table>:`.
    if text.get(end + 1) == Some(&b':') && !text.starts_with(b"</") {
        return None;
    }
    let instead: &[u8] = match &name[..] {
        b"td" | b"th" | b"br" | b"li" => b" ",
        _ => b"",
    };
    Some((end + 1, Cow::Borrowed(instead)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_and_its_source_are_one_line() {
        for (written, means) in [
            ("&lt;err&gt; os: mepc&#58;&nbsp;0x8", "<err> os: mepc: 0x8"),
            ("<span class=\"line\">sepc 1</span>", "sepc 1"),
            ("<tr><td>sepc</td><td>0x1</td></tr>", " sepc  0x1 "),
            ("sepc\u{a0}:\u{a0}1", "sepc : 1"),
            ("^[[31;1msepc 1^[[0m", "sepc 1"),
            ("\\x1b[31msepc 1\\033[0m\\u001b[m", "sepc 1"),
            ("a &amp;lt; b", "a &lt; b"),
        ] {
            assert_eq!(plain(written.as_bytes()), means.as_bytes(), "{written}");
        }
    }

    #[test]
    fn what_a_log_has_in_angles_stays() {
        for line in [
            "0x80000000 <pgt+8>:\t0x1",
            "0x80000000 <table>:\t0x1",
            "[00:00:00] <err> os: 1",
            "a & b; c < d > e",
            "&unknown; &#xffffffff; &",
            "C:\\new ^2 \\x1b",
            "<paths> <b",
        ] {
            assert!(matches!(plain(line.as_bytes()), Cow::Borrowed(_)), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_or_grows(
            pieces in prop::collection::vec(prop::sample::select(vec![
                &b"&"[..], b";", b"#", b"x3e", b"<", b"/td", b">", b"\xc2", b"\xa0", b"^[[", b"\\x1b[", b"m", b"\xff",
            ]), 0..24)
        ) {
            let line = pieces.concat();
            prop_assert!(plain(&line).len() <= line.len());
        }
    }
}
