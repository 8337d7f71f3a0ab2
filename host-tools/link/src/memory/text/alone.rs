//! Words without any address: they begin where the command line says.
//!
//! ```text
//! 0000000020000401 00000000000000cf        probe-rs, od -An, $readmemh
//! 0104002000000000cf00000000000000…        xxd -p: bytes as they lie
//! {0x20000401, 0x0 <repeats 15 times>, …}  gdb's print of an array; arrays in C and Rust
//! ```

use std::borrow::Cow;

use memchr::memchr;

use super::row::{hex, run};
use super::{Reading, TextDump};

/// Most bytes that one repeated element is believed to fill.
const LONGEST_REPEAT: usize = 64 << 20;

/// Suffixes of a number in C and Rust.
const SUFFIXES: [&[u8]; 12] = [
    b"ULL", b"ull", b"UL", b"ul", b"U", b"u", b"L", b"u64", b"u32", b"_u64", b"_u32", b"u8",
];

/// Takes words from the address of the command line on; nothing where most lines are something else.
pub(super) fn read<'a>(
    lines: impl Iterator<Item = Cow<'a, [u8]>> + Clone,
    reading: Reading,
    dump: &mut TextDump,
) {
    let mut bytes = Vec::new();
    (dump.told, dump.noise) = (0, 0);
    let width = match array(lines.clone(), reading, &mut bytes, dump) {
        Some(width) => Some(width),
        None => words(lines, &mut bytes, dump),
    };
    if dump.told > dump.noise {
        dump.memory.put(reading.base, &bytes);
        dump.numbers_of = width.filter(|width| *width > 1);
    }
}

/// Lines of words of one width. Returns the width of those that are numbers.
fn words<'a>(
    lines: impl Iterator<Item = Cow<'a, [u8]>>,
    bytes: &mut Vec<u8>,
    dump: &mut TextDump,
) -> Option<usize> {
    let (mut widest, mut is_base64) = (None, false);
    for line in lines {
        let before = bytes.len();
        match words_of(&line, bytes) {
            Some(width) => {
                widest = widest.max(Some(width));
                dump.told += 1;
            }
            None => {
                bytes.truncate(before);
                dump.noise += 1;
                // A long word that is no number: the digits beside it are letters of the same code.
                let line = line.trim_ascii();
                is_base64 |= line.len() > 32 && !line.contains(&b' ');
            }
        }
    }
    if is_base64 {
        dump.told = 0;
    }
    widest
}

/// The bytes of a line of words of one width and nothing else, and that width; 1 of a run of bytes.
pub(super) fn words_of(line: &[u8], bytes: &mut Vec<u8>) -> Option<usize> {
    let mut width = None;
    let tokens = line.split(|it| it.is_ascii_whitespace());
    for token in tokens.filter(|it| !it.is_empty()) {
        // Those of the IP cores of FPGAs have commas too.
        let token = token.strip_suffix(b",").unwrap_or(token);
        let token = token.strip_suffix(b";").unwrap_or(token);
        if let Some(run) = run(token) {
            bytes.extend(run);
            width = Some(2);
            continue;
        }
        let digits = token.strip_prefix(b"0x").unwrap_or(token);
        let (value, count) = hex(digits).filter(|(_, count)| *count == digits.len())?;
        let is_same = *width.get_or_insert(count) == count;
        if !is_same || !matches!(count, 2 | 4 | 8 | 16) {
            return None;
        }
        bytes.extend_from_slice(&value.to_le_bytes()[..count / 2]);
    }
    width.map(|digits| digits / 2)
}

/// An element of an array: its value, its digits, and how often it stands there.
struct Element {
    value: u64,
    digits: usize,
    times: usize,
}

/// Numbers with `0x` and commas between. Of one width if all have as many digits, else of an entry's: programs print
/// those without zeros before them.
fn array<'a>(
    lines: impl Iterator<Item = Cow<'a, [u8]>>,
    reading: Reading,
    bytes: &mut Vec<u8>,
    dump: &mut TextDump,
) -> Option<usize> {
    let (mut elements, mut told, mut noise) = (Vec::new(), 0, 0);
    for line in lines {
        let inside = memchr(b'{', &line).or_else(|| memchr(b'[', &line));
        let inside = inside.map_or(&line[..], |at| &line[at + 1..]);
        let before = elements.len();
        let parts = inside.split(|it| *it == b',').map(<[u8]>::trim_ascii);
        let is_told = parts.filter(|part| !part.is_empty()).all(|part| {
            let element = element(part);
            let is_end = matches!(part, [b'}' | b']', ..]);
            elements.extend(element);
            is_end || elements.len() > before
        });
        match is_told && elements.len() > before {
            true => told += 1,
            false => noise += 1,
        }
    }
    // A single number a line is no array, unless it has a comma.
    let first = elements.first()?.digits;
    let is_even = elements.iter().all(|it| it.digits == first);
    if elements.len() < 2 || is_even && told == elements.len() {
        return None;
    }
    let width = match is_even && matches!(first, 2 | 4 | 8 | 16) {
        true => first / 2,
        false => reading.mode.entry_bytes(),
    };
    for element in elements {
        let value = element.value.to_le_bytes();
        if element.times.saturating_mul(width) > LONGEST_REPEAT {
            return None;
        }
        for _ in 0..element.times {
            bytes.extend_from_slice(&value[..width]);
        }
    }
    (dump.told, dump.noise) = (told, noise);
    Some(width)
}

/// `0x20000401`, `0x20000401ULL`, `0x0 <repeats 15 times>`.
fn element(part: &[u8]) -> Option<Element> {
    let part = part
        .split(|it| matches!(it, b'}' | b']' | b';'))
        .next()?
        .trim_ascii();
    let digits = part.strip_prefix(b"0x")?;
    let (value, count) = hex(digits)?;
    let behind = &digits[count..];
    let suffix = SUFFIXES.iter().find_map(|it| behind.strip_prefix(*it));
    let behind = suffix.unwrap_or(behind).trim_ascii();
    let times = match behind.strip_prefix(b"<repeats ") {
        Some(times) => {
            let end = memchr(b' ', times)?;
            str::from_utf8(&times[..end]).ok()?.parse().ok()?
        }
        None if behind.is_empty() => 1,
        None => return None,
    };
    Some(Element {
        value,
        digits: count,
        times,
    })
}
