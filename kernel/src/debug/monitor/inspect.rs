//! A topic as pieces of text, each as long as its reader has room for.

use abi::{Error, Topic};

use crate::debug::monitor;
use crate::mm::{Budget, Survey};
use crate::platform::Platform;
use crate::system::System;
use crate::text::Text;

/// What a call of `Inspect` came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// So many bytes, and the index to go on with (0: that was the end).
    Lines(usize, usize),
    /// The budget is spent, and there is no line yet: ask again.
    NotYet,
}

impl<P: Platform> System<P> {
    /// Whole lines of a topic from `index` on, as many as fit and one entry into the kernel allows. `left` is what
    /// the call before has left of the survey for its next line.
    pub fn inspect(
        &mut self,
        (topic, json): (Topic, bool),
        mut index: usize,
        argument: usize,
        left: &mut Option<Survey>,
        into: &mut [u8],
    ) -> Result<Inspection, Error> {
        let mut budget = Budget::of_an_entry();
        let mut text = Text::new(into);
        loop {
            let whole = text.used();
            if !self.survey((topic, json), index, left, &mut budget) {
                return Ok(match whole {
                    0 => Inspection::NotYet,
                    whole => Inspection::Lines(whole, index),
                });
            }
            let written = if json {
                monitor::json(self, topic, index, argument, &mut text)
            } else {
                monitor::line(self, topic, index, argument, &mut text)
            };
            match written {
                Ok(0) => return Ok(Inspection::Lines(text.used(), 0)),
                Ok(next) => index = next,
                // The line did not fit: it begins the next piece, unless it is alone here.
                Err(Error::LimitExceeded) if whole > 0 => {
                    return Ok(Inspection::Lines(whole, index));
                }
                Err(error) => return Err(error),
            }
        }
    }
}
