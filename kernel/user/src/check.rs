//! What test programs share: checks that say what went wrong, and children that must die.

use crate::{call, println};

/// Says what is wrong if `good` is not; `good`.
pub fn holds(what: &str, good: bool) -> bool {
    if !good {
        println!("  wrong: {what}");
    }
    good
}

/// Says what is wrong if an answer is not the one that is due; whether it is.
pub fn is<T: PartialEq + core::fmt::Debug>(what: &str, found: T, due: T) -> bool {
    let good = found == due;
    if !good {
        println!("  wrong: {what}: {found:?} instead of {due:?}");
    }
    good
}

/// Runs a command line to its end; its exit status, 255 if it could not be started.
pub fn status_of(line: &str) -> usize {
    call::spawn(line).and_then(call::wait).unwrap_or(255)
}

/// Counts checks; what it says at the end is what a test reads.
#[derive(Default)]
pub struct Tally {
    good: usize,
    wrong: usize,
}

impl Tally {
    /// One more check.
    pub fn add(&mut self, good: bool) {
        if good {
            self.good += 1;
        } else {
            self.wrong += 1;
        }
    }

    /// Says how many checks held and how many did not; the exit status.
    pub fn end(&self, name: &str) -> u8 {
        println!("{name}: {} checks hold, {} do not", self.good, self.wrong);
        u8::from(self.wrong > 0)
    }
}
