//! One line of a dump: an address, and words.
//!
//! ```text
//! 50407000: 00000000000000e7 0000000014101821  ........!.......    U-Boot, xxd, crash, OpenOCD, QEMU
//! 0x50407000 <m_l1_pgtable>:  0xe7  0x14101821                     gdb, lldb
//! 0000010 0401 2000 0000 0000 00e7 3000 0000 0000                  hexdump, od
//! 50407000 = 000000E7 00000000 14101821 00000000                   J-Link
//! SD:0000000050407000|00000000000000E7 0000000014101821 ........   Trace32
//! 0x50407000│+0x0000│+000: 0x00000000000000e7                      gef, pwndbg
//! ```
//!
//! How wide a word is, in which order its bytes lie and where characters begin is decided by the
//! rows together: see `block`.

/// How numbers of a row are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum RowForm {
    /// Behind a colon, characters behind a gap.
    #[default]
    Colon,
    /// gdb's `x/d`: decimal, behind a colon.
    Decimal,
    /// Behind blanks: `hexdump`, `od`.
    Blank,
    /// A pointer and what it points to: one word of the machine's width.
    Pointer,
}

/// A line with memory contents.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub form: RowForm,
    pub at: u64,
    /// How many digits the address has; with seven, they may be octal.
    pub address_digits: usize,
    pub words: Vec<u64>,
    /// Digits of every word, or 0 where they differ.
    pub digits: usize,
    pub most_digits: usize,
    pub has_prefix: bool,
    /// What stands behind the words: the characters, perhaps.
    pub rest: Vec<u8>,
}

/// Most words of a line: 64 bytes one by one.
const MOST_WORDS: usize = 64;

impl Row {
    /// Reads a line into this row; false if it is none.
    pub fn read(&mut self, line: &[u8]) -> bool {
        self.pointer(line) || self.colon(line) || self.blank(line) || self.assigned(line)
    }

    fn clear(&mut self, form: RowForm, (at, digits): (u64, usize)) {
        (self.form, self.at, self.address_digits) = (form, at, digits);
        self.words.clear();
        self.rest.clear();
        (self.digits, self.most_digits, self.has_prefix) = (0, 0, false);
    }

    /// `0x80002000 ◂— 0x200040d7` between bars, as gef and pwndbg draw them.
    fn pointer(&mut self, line: &[u8]) -> bool {
        const BAR: &[u8] = "│".as_bytes();
        if !line.contains(&BAR[0]) || memchr::memmem::find(line, BAR).is_none() {
            return false;
        }
        let mut numbers = memchr::memmem::find_iter(line, b"0x").filter_map(|at| {
            let is_offset = at > 0 && line[at - 1] == b'+';
            let (value, digits) = hex(&line[at + 2..])?;
            (!is_offset).then_some((value, digits))
        });
        let (Some(at), Some((word, digits))) = (numbers.next(), numbers.next()) else {
            return false;
        };
        self.clear(RowForm::Pointer, at);
        self.words.push(word);
        (self.most_digits, self.has_prefix) = (digits, true);
        true
    }

    fn colon(&mut self, line: &[u8]) -> bool {
        for colon in memchr::memchr3_iter(b':', b'|', b'=', line) {
            let behind = &line[colon + 1..];
            let is_bar = line[colon] == b'|';
            // Trace32 marks the row of its cursor.
            let behind = match is_bar {
                true => behind.strip_prefix(b">").unwrap_or(behind),
                false => behind,
            };
            let before = &line[..colon];
            let is_gap = matches!(behind.first(), Some(b' ' | b'\t'));
            // Only Trace32 has a bar; it names the class of the access before it.
            let has_class = is_bar && memchr::memchr(b':', before).is_some();
            if is_bar == is_gap && !has_class {
                continue;
            }
            let address = match line[colon] {
                b'=' => address_alone(before),
                _ => address_before(before, is_bar),
            };
            let Some(address) = address else {
                continue;
            };
            self.clear(RowForm::Colon, address);
            let is_hex_address = line[..colon].windows(2).any(|two| two == b"0x");
            if is_hex_address && behind[0] == b'\t' && self.decimals(behind) {
                self.form = RowForm::Decimal;
                return true;
            }
            if self.words(behind, true) {
                return true;
            }
        }
        false
    }

    /// An address at the beginning, blanks, and words. Behind the prefix of a log, if a bar ends the row.
    fn blank(&mut self, line: &[u8]) -> bool {
        if self.columns(line) {
            return true;
        }
        let is_canonical = line.ends_with(b"|") || line.ends_with(b"|\x1b");
        let behind = |at: usize| &line[at + 1..];
        is_canonical
            && memchr::memchr_iter(b' ', line).any(|at| {
                let is_address = hex(behind(at)).is_some_and(|(_, digits)| {
                    digits >= 8 && behind(at)[digits..].starts_with(b"  ")
                });
                is_address && self.columns(behind(at))
            })
    }

    fn columns(&mut self, line: &[u8]) -> bool {
        let digits_at = line.strip_prefix(b"0x").unwrap_or(line);
        let Some((at, digits)) = hex(digits_at) else {
            return false;
        };
        let has_prefix = digits_at.len() != line.len();
        let behind = &digits_at[digits..];
        let is_address = digits >= 6 && matches!(behind.first(), None | Some(b' ' | b'\t'));
        if !is_address {
            return false;
        }
        self.clear(RowForm::Blank, (at, digits));
        // An address alone ends a dump.
        if behind.trim_ascii().is_empty() {
            return !has_prefix;
        }
        // Columns of equal width are a list of numbers, unless the first stands apart.
        let is_apart = behind.starts_with(b"  ") && digits == 16;
        let is_dump = self.words(behind, false) && (self.digits != digits || is_apart);
        // PowerShell's `Format-Hex` has no bar before its characters: they are as many as the bytes.
        let is_column = self.digits == 2 && self.words.len() == 16 && self.rest.len() <= 24;
        let is_ended = matches!(self.rest.trim_ascii().first(), None | Some(b'|' | b'>'));
        let has_bar = self.rest.trim_ascii().starts_with("│".as_bytes());
        is_dump && (is_column || has_bar || is_ended && !has_prefix)
    }

    /// One word, by an assignment: `[0x80000000] = 0x20000401`, `MEM  0x80000000 : 0x20000401`.
    fn assigned(&mut self, line: &[u8]) -> bool {
        const BEFORE: [&[u8]; 6] = [b"*(", b"*", b"[", b"mem[", b"MEM  ", b"Value at address "];
        let before = BEFORE.iter().find_map(|it| line.strip_prefix(*it));
        // peda counts offsets before a bar.
        let offset =
            memchr::memmem::find(line, b"| 0x").map(|bar| (&line[..bar], &line[bar + 2..]));
        let is_offset = |(offset, _): &(&[u8], &[u8])| offset.iter().all(u8::is_ascii_digit);
        let offset = offset.filter(is_offset);
        let rest = before.or(offset.map(|(_, rest)| rest)).unwrap_or(line);
        let Some((at, digits)) = rest.strip_prefix(b"0x").and_then(hex) else {
            return false;
        };
        let behind = rest[2 + digits..].trim_ascii_start();
        let behind = behind
            .strip_prefix(b"]")
            .or(behind.strip_prefix(b")"))
            .unwrap_or(behind);
        // devmem2 has the address of its mapping in brackets.
        let behind = match (behind.first(), memchr::memchr(b')', behind)) {
            (Some(b'('), Some(end)) => &behind[end + 1..],
            _ => behind,
        };
        let behind = behind.trim_ascii_start();
        let sign: &[u8] = match offset {
            Some(_) => b"-->",
            None if line.starts_with(b"MEM") || line.starts_with(b"Value") => b":",
            None => b"=",
        };
        let Some(value) = behind.strip_prefix(sign) else {
            return false;
        };
        let value = value.trim_ascii_start();
        let Some((word, count)) = value.strip_prefix(b"0x").and_then(hex) else {
            return false;
        };
        let is_alone = matches!(value[2 + count..].trim_ascii(), b"" | b";");
        if offset.is_none() && !is_alone {
            return false;
        }
        self.clear(RowForm::Colon, (at, digits));
        self.words.push(word);
        (self.digits, self.most_digits, self.has_prefix) = (count, count, true);
        true
    }

    /// Takes the words; where a gap may begin the characters, they end there.
    fn words(&mut self, text: &[u8], has_gap: bool) -> bool {
        let first = text.trim_ascii_start();
        let length = first.iter().take_while(|it| it.is_ascii_hexdigit()).count();
        if let Some(run) = run(&first[..length]) {
            self.words.extend(run.map(u64::from));
            (self.digits, self.most_digits) = (2, 2);
            self.rest.extend_from_slice(&first[length..]);
            return self.words.len() <= MOST_WORDS;
        }
        let mut at = 0;
        while self.words.len() < MOST_WORDS {
            let gap = text[at..]
                .iter()
                .take_while(|it| matches!(it, b' ' | b'\t'))
                .count();
            let is_tab = text[at..at + gap].contains(&b'\t');
            let token = &text[at + gap..];
            let count = self.words.len();
            // Sixteen bytes in two halves have a gap in the middle.
            let is_middle = gap == 2 && self.digits == 2 && count == 8;
            let is_end = has_gap && count > 0 && gap > 1 && !is_tab && !is_middle;
            if is_end || !self.word(token, count == 0) {
                break;
            }
            let prefix = if token.starts_with(b"0x") { 2 } else { 0 };
            at += gap + prefix + hex(&token[prefix..]).map_or(0, |(_, digits)| digits);
        }
        self.rest.extend_from_slice(&text[at..]);
        !self.words.is_empty()
    }

    /// Takes one word, if there is one.
    fn word(&mut self, token: &[u8], is_first: bool) -> bool {
        let has_prefix = token.starts_with(b"0x");
        let digits_from = if has_prefix { 2 } else { 0 };
        let Some((value, digits)) = hex(&token[digits_from..]) else {
            return false;
        };
        let end = token.get(digits_from + digits);
        let is_ended = end.is_none_or(|it| matches!(it, b' ' | b'\t' | b'|' | b'>' | b','));
        let is_padded = matches!(digits, 2 | 4 | 6 | 8 | 16);
        if digits > 16 || !is_ended || !has_prefix && !is_padded {
            return false;
        }
        if is_first {
            (self.has_prefix, self.digits) = (has_prefix, digits);
        } else if has_prefix != self.has_prefix || !has_prefix && digits != self.digits {
            return false;
        } else if digits != self.digits {
            self.digits = 0;
        }
        self.most_digits = self.most_digits.max(digits);
        self.words.push(value);
        true
    }

    /// Takes decimal numbers between tabs: all of the line, or none. gdb's octal ones begin with 0, its binary ones
    /// have as many digits as bits.
    fn decimals(&mut self, text: &[u8]) -> bool {
        let tokens = || {
            text.split(|it| *it == b'\t')
                .skip(1)
                .map(<[u8]>::trim_ascii)
        };
        let is_octal = tokens().any(|it| it.len() > 1 && it[0] == b'0');
        let is_bits = |it: &[u8]| {
            matches!(it.len(), 8 | 16 | 32 | 64) && it.iter().all(|it| matches!(it, b'0' | b'1'))
        };
        let radix = match is_octal {
            true if tokens().all(is_bits) => 2,
            true => 8,
            false => 10,
        };
        for token in tokens() {
            let token = std::str::from_utf8(token).unwrap_or_default();
            let is_digits = token.bytes().all(|it| it.is_ascii_digit());
            let value = || u64::from_str_radix(token, radix).ok();
            let value = is_digits.then(value).flatten().or_else(|| {
                let value = token.strip_prefix('-')?.parse::<u64>().ok()?;
                Some(value.wrapping_neg())
            });
            let Some(value) = value.filter(|_| self.words.len() < MOST_WORDS) else {
                self.words.clear();
                return false;
            };
            self.words.push(value);
        }
        !self.words.is_empty()
    }

    /// Its bytes, of words of `width` bytes.
    pub fn bytes(&self, width: usize, is_big: bool, into: &mut Vec<u8>) {
        into.clear();
        // `od` shows words of two bytes in six octal digits.
        let is_octal = self.digits == 6;
        for word in &self.words {
            let word = if is_octal { octal(*word) } else { *word };
            let little = word.to_le_bytes();
            match is_big {
                true => into.extend(little[..width].iter().rev()),
                false => into.extend_from_slice(&little[..width]),
            }
        }
    }
}

/// What the digits of a number are in octal; as they were where one is none.
pub(super) fn octal(at: u64) -> u64 {
    in_radix(at, 8)
}

/// What the digits of a hexadecimal number are in that radix; as they were where one is none.
pub(super) fn in_radix(at: u64, radix: u32) -> u64 {
    whole_in_radix(at, radix).unwrap_or(at)
}

/// The same; `None` where one is no digit of that radix.
pub(super) fn whole_in_radix(at: u64, radix: u32) -> Option<u64> {
    u64::from_str_radix(&format!("{at:x}"), radix).ok()
}

/// Hexadecimal digits at the beginning, and how many.
pub(super) fn hex(text: &[u8]) -> Option<(u64, usize)> {
    let (mut value, mut digits) = (0_u64, 0);
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => break,
        };
        digits += 1;
        if digits > 16 {
            return None;
        }
        value = value << 4 | u64::from(digit);
    }
    (digits > 0).then_some((value, digits))
}

/// More digits than a number has: bytes as they lie.
pub(super) fn run(token: &[u8]) -> Option<impl Iterator<Item = u8>> {
    let is_run = token.len() > 16 && token.len().is_multiple_of(2);
    let is_hex = is_run && token.iter().all(u8::is_ascii_hexdigit);
    let byte = |two: &[u8]| hex(two).map_or(0, |(value, _)| value as u8);
    is_hex.then(|| token.chunks(2).map(byte))
}

/// J-Link's address before an equals sign: eight or sixteen digits and nothing else, or it is a variable's name.
fn address_alone(text: &[u8]) -> Option<(u64, usize)> {
    let text = text.strip_suffix(b" ")?;
    let text = match memchr::memrchr(b'>', text) {
        Some(prompt) => &text[prompt + 1..],
        None => text,
    };
    hex(text).filter(|(_, digits)| *digits == text.len() && matches!(digits, 8 | 16))
}

/// The address right before a colon or bar, perhaps with gdb's `<symbol+8>` between, and its digits.
fn address_before(text: &[u8], is_bar: bool) -> Option<(u64, usize)> {
    let mut text = text;
    if text.ends_with(b">") {
        let symbol = memchr::memmem::find(text, b" <")?;
        text = text[..symbol].trim_ascii_end();
    }
    let from = text
        .iter()
        .rposition(|it| matches!(it, b' ' | b'\t' | b':'));
    let token = &text[from.map_or(0, |at| at + 1)..];
    let is_at_start = token.len() == text.len();
    let digits = token.strip_prefix(b"0x");
    let (value, count) = hex(digits.unwrap_or(token))?;
    let is_whole = count == digits.unwrap_or(token).len();
    // NuttX's `xd` counts from 0000.
    let is_address = digits.is_some() || count >= 8 || count >= 4 && is_at_start && !is_bar;
    (is_whole && is_address).then_some((value, count))
}
