//! A line whose reader waits only so long for a whole answer.
//!
//! A socket's own time limit begins anew with every byte: what drips would never end.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How long one answer may take from its first byte to its last: a page over a slow serial line
/// and much more.
const LONGEST_ANSWER: Duration = Duration::from_secs(30);

/// A reader with a limit.
pub struct PatientStream {
    line: Box<dyn Read + Send>,
    until: Instant,
}

impl PatientStream {
    /// Waits from now on.
    pub fn new(line: Box<dyn Read + Send>) -> PatientStream {
        let until = Instant::now() + LONGEST_ANSWER;
        PatientStream { line, until }
    }

    /// Another answer is waited for.
    pub fn begin(&mut self) {
        self.until = Instant::now() + LONGEST_ANSWER;
    }
}

impl Read for PatientStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match Instant::now() < self.until {
            true => self.line.read(into),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drips_is_given_up_and_the_next_answer_has_its_own_time() {
        let mut line = PatientStream::new(Box::new(io::repeat(b'+')));
        let mut byte = [0];
        assert!(line.read(&mut byte).is_ok());
        line.until = Instant::now();
        let error = line.read(&mut byte).expect_err("its time is over");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        line.begin();
        assert!(line.read(&mut byte).is_ok());
    }
}
