//! Rows of a dump together: what one alone does not show.
//!
//! ```text
//! how wide a word is    from one address to the next, by the number of words between
//! where characters are  behind as many words as lie between two addresses
//! order of bytes        that in which the characters beside them stand
//! `*`                   the row above, up to the address below
//! ```

use super::super::Sparse;
use super::Reading;
use super::row::{Row, RowForm, in_radix, whole_in_radix};

/// A repeat longer than this is noise or nonsense, unless it repeats zeros.
const LONGEST_REPEAT: u64 = 64 << 20;
/// Most bytes of a row.
const WIDEST_ROW: u64 = 512;

/// What the rows that were read so far say about those that follow.
#[derive(Default)]
pub(super) struct Block {
    /// The row before, which waits for the address of the next.
    waiting: Option<Row>,
    is_repeating: bool,
    /// Bytes of a row, from the last two addresses.
    stride: Option<(usize, u64)>,
    bytes: Vec<u8>,
    order: ByteOrder,
    /// Of addresses without a colon: `od` counts in octal unless an option changes that.
    radix: u32,
}

/// In which order the digits of a word are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ByteOrder {
    /// Words of four digits that begin at 0, as `xxd` has them, are bytes as they lie; all others
    /// are numbers.
    #[default]
    Unknown,
    /// As they lie in memory.
    Bytes,
    /// A number: the lowest byte lies first.
    Number,
}

impl Block {
    /// Of a dump that looks so.
    pub fn of(look: &Look) -> Block {
        Block {
            order: look.order(),
            radix: look
                .radix
                .unwrap_or(if look.has_octal_words { 8 } else { 16 }),
            ..Block::default()
        }
    }

    /// Takes the next row; what was waiting is put into the memory.
    pub fn take(&mut self, row: &mut Row, reading: Reading, memory: &mut Sparse) {
        if self.radix != 16 && matches!(row.form, RowForm::Blank | RowForm::Colon) {
            row.at = in_radix(row.at, self.radix);
        }
        if let Some(before) = self.waiting.take() {
            let stride = row
                .at
                .checked_sub(before.at)
                .filter(|it| (1..=WIDEST_ROW).contains(it));
            let is_next = !self.is_repeating && row.form == before.form;
            let end = self.put(&before, stride.filter(|_| is_next), reading, memory);
            if self.is_repeating {
                self.repeat(end, row.at, reading.base, memory);
            }
            self.is_repeating = false;
            let mut free = before;
            std::mem::swap(&mut free, row);
            self.waiting = Some(free);
        } else {
            self.waiting = Some(std::mem::take(row));
        }
    }

    /// Takes the row above once more, with words that stood on a line of their own. False if it is another, or
    /// has none.
    pub fn grow(&mut self, row: &mut Row) -> bool {
        let Some(before) = self.waiting.as_mut().filter(|_| !self.is_repeating) else {
            return false;
        };
        let is_same = (before.at, before.form) == (row.at, row.form);
        let has_more = row.words.len() >= before.words.len() && row.words != before.words;
        let is_whole = row.form == RowForm::Colon && row.rest.trim_ascii().is_empty();
        let grows = is_same && has_more && is_whole;
        if grows {
            std::mem::swap(before, row);
        }
        grows
    }

    /// A `*`: the row above again, up to the next. False if there is none.
    pub fn star(&mut self) -> bool {
        let is_row = self
            .waiting
            .as_ref()
            .is_some_and(|row| !row.words.is_empty());
        self.is_repeating = is_row;
        is_row
    }

    /// Whether a `*` waits for the address that ends it.
    pub fn is_repeating(&self) -> bool {
        self.is_repeating
    }

    /// Whether rows came before this address: it may end them.
    pub fn is_open(&self, at: u64) -> bool {
        let before = self.waiting.as_ref();
        before.is_some_and(|row| row.form == RowForm::Blank && !row.words.is_empty() && row.at < at)
    }

    /// The dump has ended.
    pub fn finish(&mut self, reading: Reading, memory: &mut Sparse) {
        if let Some(row) = self.waiting.take() {
            self.put(&row, None, reading, memory);
        }
    }

    /// Puts a row, and answers where it ends.
    fn put(
        &mut self,
        row: &Row,
        stride: Option<u64>,
        reading: Reading,
        memory: &mut Sparse,
    ) -> u64 {
        let binary = self.binary(row, stride);
        let row = binary.as_ref().unwrap_or(row);
        let width = match binary {
            Some(_) => 1,
            None => self.width(row, stride, reading),
        };
        let is_big = self.is_big(row, width);
        let mut bytes = std::mem::take(&mut self.bytes);
        row.bytes(width, is_big, &mut bytes);
        // Characters that look like words are none.
        let before = self.stride.filter(|(words, _)| *words <= row.words.len());
        let most = match row.form {
            RowForm::Colon => stride.or(before.map(|(_, stride)| stride)),
            _ => None,
        };
        if let Some(most) = most.and_then(|most| usize::try_from(most).ok())
            && most >= width
        {
            bytes.truncate(most);
        }
        if let Some(stride) = stride {
            self.stride = Some((stride as usize / width.max(1), stride));
        }
        memory.put(reading.base.wrapping_add(row.at), &bytes);
        let end = row.at.wrapping_add(bytes.len() as u64);
        self.bytes = bytes;
        end
    }

    /// The row of `xxd -b`: eight digits for each byte from one address to the next.
    fn binary(&self, row: &Row, stride: Option<u64>) -> Option<Row> {
        let count = row.words.len() as u64;
        let stride = stride.or(self.stride.map(|(_, stride)| stride));
        let is_binary = row.form == RowForm::Colon && row.digits == 8 && stride == Some(count);
        let is_binary = is_binary && !row.has_prefix;
        is_binary.then(|| Row {
            words: row.words.iter().map(|word| in_radix(*word, 2)).collect(),
            digits: 2,
            most_digits: 2,
            ..row.clone()
        })
    }

    /// Bytes of a word: by the addresses, else by its digits, else the width of an entry.
    fn width(&self, row: &Row, stride: Option<u64>, reading: Reading) -> usize {
        let count = row.words.len().max(1) as u64;
        let fits = |width: u64| {
            let is_power = matches!(width, 1 | 2 | 4 | 8);
            (is_power && row.most_digits as u64 <= 2 * width).then_some(width as usize)
        };
        let by = |stride: u64| match stride % count {
            0 => fits(stride / count),
            _ => None,
        };
        let is_padded = row.digits == row.most_digits && matches!(row.digits, 2 | 4 | 8 | 16);
        let is_same = |words: usize| words == row.words.len();
        let before = self
            .stride
            .filter(|(words, _)| is_same(*words))
            .map(|(_, stride)| stride);
        let entry = reading.mode.entry_bytes();
        match row.form {
            RowForm::Pointer => entry,
            // od's octal words.
            _ if row.digits == 6 => 2,
            _ if is_padded && !row.has_prefix => row.digits / 2,
            _ => {
                let told = stride.and_then(by).or(before.and_then(by));
                let by_digits = is_padded.then_some(row.digits / 2);
                told.or(by_digits)
                    .unwrap_or(entry)
                    .max((row.most_digits / 2).next_power_of_two().min(8))
            }
        }
    }

    fn is_big(&self, row: &Row, width: usize) -> bool {
        let is_text = row.form == RowForm::Colon && !row.has_prefix && width > 1;
        is_text && self.order == ByteOrder::Bytes
    }

    /// Repeats the last row from `end` to `to`.
    fn repeat(&self, end: u64, to: u64, base: u64, memory: &mut Sparse) {
        let bytes = &self.bytes;
        if to <= end || bytes.is_empty() {
            return;
        }
        if bytes.iter().all(|byte| *byte == 0) {
            memory.put_zeros(base.wrapping_add(end), base.wrapping_add(to));
        } else if to - end <= LONGEST_REPEAT {
            for at in (end..to).step_by(bytes.len()) {
                let count = bytes.len().min((to - at) as usize);
                memory.put(base.wrapping_add(at), &bytes[..count]);
            }
        }
    }
}

/// In which radix one address follows another after so many bytes; `None` if in none, or in hexadecimal too.
fn radix(at: u64, next: u64, bytes: u64) -> Option<u32> {
    let both = |radix: u32| Some((whole_in_radix(at, radix)?, whole_in_radix(next, radix)?));
    let fits = |radix: u32| both(radix).is_some_and(|(at, next)| next.wrapping_sub(at) == bytes);
    let first = [16, 8, 10].into_iter().find(|radix| fits(*radix))?;
    (first != 16).then_some(first)
}

/// Order of bytes and radix of addresses, by rows that can be only one of the two.
#[derive(Default)]
pub(super) struct Look {
    before: Option<(u64, usize)>,
    radix: Option<u32>,
    order: ByteOrder,
    first: Option<u64>,
    has_halves: bool,
    /// Rows with offsets of eight digits; the second shows their radix.
    offsets: usize,
    /// Of the only row that was seen: `od` without options, most likely.
    has_octal_words: bool,
}

impl Look {
    /// Looks at a row; true once nothing is open.
    pub fn at(&mut self, row: &Row) -> bool {
        self.first.get_or_insert(row.at);
        // `xxd -d` has decimal offsets before its colons.
        let is_offset =
            row.form == RowForm::Colon && row.address_digits == 8 && self.first == Some(0);
        let is_first = self.before.is_none();
        if row.form == RowForm::Blank && row.address_digits == 7 || is_offset && self.offsets < 2 {
            self.offsets += usize::from(is_offset);
            let bytes = row.words.len() * if row.digits == 6 { 2 } else { row.digits / 2 };
            if self.radix.is_none()
                && let Some((at, bytes)) = self.before
            {
                self.radix = radix(at, row.at, bytes as u64);
                // The rows of `hexdump -o` are octal, and its offsets are not.
                self.has_octal_words = false;
            } else if self.radix.is_none() {
                self.has_octal_words = row.digits == 6;
            }
            self.before = Some((row.at, bytes));
        }
        if row.form == RowForm::Colon && !row.has_prefix && row.digits > 2 {
            self.has_halves |= row.digits == 4;
            self.characters(row);
            // The radix of offsets shows in the second row.
            return self.order != ByteOrder::Unknown && (!is_offset || !is_first);
        }
        false
    }

    /// A `*` parts the rows.
    pub fn star(&mut self) {
        self.before = None;
    }

    /// Compares the characters with both orders.
    fn characters(&mut self, row: &Row) {
        let mut bytes = Vec::new();
        let shown = row.words.len() * (row.digits / 2);
        let text = &row.rest[row.rest.len().saturating_sub(shown)..];
        let mut fits = |is_big| {
            row.bytes(row.digits / 2, is_big, &mut bytes);
            text.len() >= bytes.len()
                && bytes.iter().zip(text).all(|(byte, shown)| match byte {
                    b' '..=b'~' => byte == shown,
                    _ => *shown == b'.',
                })
        };
        match (fits(true), fits(false)) {
            (true, false) => self.order = ByteOrder::Bytes,
            (false, true) => self.order = ByteOrder::Number,
            _ => {}
        }
    }

    /// The order, decided.
    fn order(&self) -> ByteOrder {
        let is_file = self.has_halves && self.first == Some(0);
        match self.order {
            ByteOrder::Unknown if is_file => ByteOrder::Bytes,
            order => order,
        }
    }
}
