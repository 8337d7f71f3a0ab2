//! Lines of an address, a colon and words: U-Boot, gdb, QEMU.
//!
//! ```text
//! 50407000: 00000000000000e7 0000000014101821    ........!.......      => md.q 0x50407000
//! <m_l1_pgtable>:  0x00000000000000e7  0x0000000014101821   (gdb) x/2gx
//! 0000000050407000: 0x00000000000000e7 0x0000000014101821              (qemu) xp /2gx
//! ```
//!
//! The width of a word is its number of digits: 16, 8 or 2. U-Boot prints characters after a gap of at least
//! four spaces.

use super::super::Sparse;
use super::{DumpLine, hex_digits};

/// Stores the words of a line; false if the line has another format.
pub fn line(text: &str, base: u64, memory: &mut Sparse) -> bool {
    let colons = text.match_indices(':').map(|(at, _)| at);
    for colon in colons {
        let told = address_before(&text[..colon]).zip(words_after(&text[colon + 1..]));
        if let Some((at, line)) = told {
            memory.put(base.wrapping_add(at), &line.bytes);
            return true;
        }
    }
    false
}

/// The address before the colon, with gdb's `<symbol+8>` between them or not.
fn address_before(text: &str) -> Option<u64> {
    let text = match text.ends_with('>') {
        true => text[..text.find(" <")?].trim_end(),
        false => text,
    };
    let token = text.rsplit([' ', '\t']).next()?;
    match token.strip_prefix("0x") {
        Some(digits) => hex_digits(digits),
        None if token.len() >= 8 => hex_digits(token),
        None => None,
    }
}

fn words_after(text: &str) -> Option<DumpLine> {
    if !text.starts_with([' ', '\t']) {
        return None;
    }
    let text = text.trim_start();
    let end = text.find("    ").unwrap_or(text.len());
    let mut line = DumpLine::default();
    let mut width = None;
    for token in text[..end].split_ascii_whitespace() {
        let digits = token.strip_prefix("0x").unwrap_or(token);
        let is_first = width.is_none();
        let width = *width.get_or_insert(digits.len());
        let word = hex_digits(digits).filter(|_| digits.len() == width);
        match word {
            Some(word) if matches!(width, 2 | 8 | 16) => line.push(word, width),
            _ if is_first => return None,
            _ => break,
        }
    }
    (!line.bytes.is_empty()).then_some(line)
}
