//! Words of memory on the wire, compressed: zeros, and runs with a constant step as in page tables, take a
//! few bytes.
//!
//! A run starts with a number: its low two bits are the kind, the rest the number of words. 0: zeros. 1:
//! words, each as its distance from the last non-zero word. 2: words that continue with the previous
//! distance.

use crate::number::{Malformed, at_distance, distance, put, take};

const ZEROS: u64 = 0;
const GIVEN: u64 = 1;
const STEPS: u64 = 2;
/// Limit of words in a run, that of a gigabyte: it bounds a reader's loop.
const MOST: u64 = 1 << 28;

/// Encodes words into a payload that may be too short for all of them.
pub struct WordsWriter<'a> {
    out: &'a mut [u8],
    used: usize,
    /// The open run: offset of its count, kind, number of words.
    run: Option<(usize, u64, u64)>,
    last: u64,
    step: u64,
}

impl<'a> WordsWriter<'a> {
    /// A writer at the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        WordsWriter {
            out,
            used: 0,
            run: None,
            last: 0,
            step: 0,
        }
    }

    /// Appends a word; returns `false` and changes nothing if it does not fit.
    pub fn push(&mut self, word: u64) -> bool {
        let step = word.wrapping_sub(self.last);
        let kind = match word {
            0 => ZEROS,
            _ if step == self.step => STEPS,
            _ => GIVEN,
        };
        let fits = match self.run {
            Some((at, of, count)) if of == kind && count < MOST => {
                self.grow(at, kind, count + 1, word)
            }
            _ => self.begin(kind, word),
        };
        if fits && word != 0 {
            (self.last, self.step) = (word, step);
        }
        fits
    }

    /// Length of the encoding in bytes.
    pub fn bytes(&self) -> usize {
        self.used
    }

    fn begin(&mut self, kind: u64, word: u64) -> bool {
        let at = self.used;
        let mut end = at;
        let fits = put(self.out, &mut end, 1 << 2 | kind).is_some()
            && (kind != GIVEN || put(self.out, &mut end, distance(self.last, word)).is_some());
        if fits {
            (self.used, self.run) = (end, Some((at, kind, 1)));
        }
        fits
    }

    /// Appends a word to the run whose count is at `at`. If the count grows by a byte, the rest moves.
    fn grow(&mut self, at: usize, kind: u64, count: u64, word: u64) -> bool {
        let (old, new) = (width((count - 1) << 2), width(count << 2));
        let shift = new - old;
        let mut number = [0; 10];
        let mut more = 0;
        if kind == GIVEN && put(&mut number, &mut more, distance(self.last, word)).is_none() {
            return false;
        }
        let end = self.used + shift + more;
        if end > self.out.len() {
            return false;
        }
        self.out.copy_within(at + old..self.used, at + new);
        self.out[self.used + shift..end].copy_from_slice(&number[..more]);
        let mut place = at;
        let written = put(self.out, &mut place, count << 2 | kind).is_some();
        (self.used, self.run) = (end, Some((at, kind, count)));
        written
    }
}

/// Encoded length of a number in bytes.
fn width(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

/// The words of one payload, checked: iterating yields each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedWords<'a> {
    rest: &'a [u8],
    kind: u64,
    left: u64,
    last: u64,
    step: u64,
}

impl<'a> PackedWords<'a> {
    /// Decodes every run once, so that iterating cannot fail.
    pub(crate) fn decode(payload: &'a [u8]) -> Result<Self, Malformed> {
        let words = PackedWords {
            rest: payload,
            kind: ZEROS,
            left: 0,
            last: 0,
            step: 0,
        };
        let mut rest = payload;
        while !rest.is_empty() {
            let (run, after) = take(rest)?;
            rest = after;
            if run & 3 > STEPS || run >> 2 == 0 || run >> 2 > MOST {
                return Err(Malformed);
            }
            if run & 3 == GIVEN {
                for _ in 0..run >> 2 {
                    rest = take(rest)?.1;
                }
            }
        }
        Ok(words)
    }
}

impl Iterator for PackedWords<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        if self.left == 0 {
            let (run, rest) = take(self.rest).ok()?;
            (self.rest, self.kind, self.left) = (rest, run & 3, run >> 2);
        }
        self.left = self.left.checked_sub(1)?;
        let word = match self.kind {
            ZEROS => return Some(0),
            STEPS => self.last.wrapping_add(self.step),
            _ => {
                let (number, rest) = take(self.rest).ok()?;
                self.rest = rest;
                at_distance(self.last, number)
            }
        };
        self.step = word.wrapping_sub(self.last);
        self.last = word;
        Some(word)
    }
}
