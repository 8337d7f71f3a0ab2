//! A topic as pieces of text, each as long as its reader has room for.

use abi::{Error, Topic};

use crate::debug::monitor;
use crate::platform::Platform;
use crate::system::System;
use crate::text::Text;

impl<P: Platform> System<P> {
    /// Whole lines of a topic from `index` on, as many as fit; how many bytes, and the index
    /// to go on with (0: that was the end).
    pub fn inspect(
        &mut self,
        (topic, json): (Topic, bool),
        mut index: usize,
        argument: usize,
        into: &mut [u8],
    ) -> Result<(usize, usize), Error> {
        if topic == Topic::Audit && index == 0 {
            self.audited = self.audit();
        }
        let mut text = Text::new(into);
        loop {
            let whole = text.used();
            let written = if json {
                monitor::json(self, topic, index, argument, &mut text)
            } else {
                monitor::line(self, topic, index, argument, &mut text)
            };
            match written {
                Ok(0) => return Ok((text.used(), 0)),
                Ok(next) => index = next,
                // The line did not fit: it begins the next piece, unless it is alone here.
                Err(Error::LimitExceeded) if whole > 0 => return Ok((whole, index)),
                Err(error) => return Err(error),
            }
        }
    }
}
