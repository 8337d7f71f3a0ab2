//! The line a program was started with, in words.

use crate::counter::Counter;
use crate::sys::bytes_at;

/// The whole line, its first word being the program's own name.
#[derive(Clone, Copy, Debug)]
pub struct Arguments {
    line: &'static str,
    counter: Option<Counter>,
}

impl Arguments {
    /// What the kernel passed in `a0` and `a1` at the entry point.
    pub fn given(line: *const u8, bytes: usize) -> Arguments {
        Arguments {
            line: core::str::from_utf8(bytes_at(line, bytes)).unwrap_or(""),
            counter: None,
        }
    }

    /// These arguments on a hart with the features in `a2`: see [`abi::start`].
    pub fn on_a_hart(self, offers: usize) -> Arguments {
        Arguments {
            counter: Counter::offered(offers),
            ..self
        }
    }

    /// The counter of retired instructions; `None` where programs cannot read it.
    pub fn counter(&self) -> Option<Counter> {
        self.counter
    }

    /// Word `n`; 0 is the program's name.
    pub fn word(&self, n: usize) -> Option<&'static str> {
        self.line.split_ascii_whitespace().nth(n)
    }

    /// The rest of the line from word `n`, unchanged; `None` without such a word.
    pub fn from_word(&self, n: usize) -> Option<&'static str> {
        let word = self.word(n)?;
        // Words are pieces of the line, so their distance from its start is where they begin.
        let at = word.as_ptr() as usize - self.line.as_ptr() as usize;
        Some(&self.line[at..])
    }

    /// Word `n` as a number, decimal or `0x…`.
    pub fn number(&self, n: usize) -> Option<usize> {
        number(self.word(n)?)
    }
}

/// A number, decimal or `0x…`.
pub fn number(word: &str) -> Option<usize> {
    match word.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_counted_from_the_name_on() {
        let arguments = Arguments {
            line: "alloc_test  128 0x64",
            counter: None,
        };
        assert_eq!(arguments.word(0), Some("alloc_test"));
        assert_eq!(
            (
                arguments.number(1),
                arguments.number(2),
                arguments.number(3)
            ),
            (Some(128), Some(100), None)
        );
        assert_eq!(number("-1"), None);
    }

    #[test]
    fn the_rest_of_the_line_keeps_its_blanks() {
        let arguments = Arguments {
            line: "spawn_test 3  spin  0 3",
            counter: None,
        };
        assert_eq!(arguments.from_word(2), Some("spin  0 3"));
        assert_eq!(arguments.from_word(4), Some("3"));
        assert_eq!(arguments.from_word(5), None);
    }
}
