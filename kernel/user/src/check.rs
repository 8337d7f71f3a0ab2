//! Code shared by test programs: checks with messages, and children that must be killed.

use abi::Error;

use crate::{call, println};

/// Prints `what` if `good` is false; returns `good`.
pub fn holds(what: &str, good: bool) -> bool {
    if !good {
        println!("  wrong: {what}");
    }
    good
}

/// Prints `what` and the value if it is not the expected one; returns whether it is.
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

/// A part of a test program; an error of a call in it is one failed check.
pub type Part = fn(&mut Tally) -> Result<(), Error>;

/// Runs the parts of a test program, or the one that is `wanted`, and says how each went; returns the exit status.
pub fn run_parts(program: &str, parts: &[(&str, Part)], wanted: Option<&str>) -> u8 {
    let mut tally = Tally::default();
    if let Some(wanted) = wanted
        && !parts.iter().any(|(name, _)| *name == wanted)
    {
        println!("{program}: no part {wanted}");
        return 1;
    }
    for (name, part) in parts {
        if wanted.is_some_and(|wanted| wanted != *name) {
            continue;
        }
        match part(&mut tally) {
            Ok(()) => println!("{program}: {name} is well"),
            Err(error) => {
                println!("{program}: {name}: {error}");
                tally.add(false);
            }
        }
    }
    tally.end(program)
}

/// Counts checks; tests read its last line.
#[derive(Default)]
pub struct Tally {
    good: usize,
    wrong: usize,
}

impl Tally {
    /// Counts one check and its result.
    pub fn add(&mut self, good: bool) {
        if good {
            self.good += 1;
        } else {
            self.wrong += 1;
        }
    }

    /// Prints the numbers of passed and failed checks; returns the exit status.
    pub fn end(&self, name: &str) -> u8 {
        println!("{name}: {} checks hold, {} do not", self.good, self.wrong);
        u8::from(self.wrong > 0)
    }
}
