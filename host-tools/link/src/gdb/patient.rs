//! A reader with one deadline for a whole request.
//!
//! A socket's own timeout restarts with every byte, so a peer that sends single bytes would never time out.
//! Therefore the timeout is set before each read, to the time that the request has left.

use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Time limit of a request, from its first byte to the last byte of the answer. A page takes 9 s at 9600
/// baud.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// After this much silence no late bytes are expected.
const SILENCE: Duration = Duration::from_millis(200);

/// More late bytes than this mean a peer that never stops.
const MOST_LATE: u64 = 1 << 14;

/// Sets the timeout of the next read.
pub type Limit = Box<dyn Fn(Duration) -> io::Result<()> + Send>;
/// Source of the current time.
pub type Clock = Box<dyn Fn() -> Instant + Send>;

/// A reader with a deadline.
pub struct PatientStream {
    line: Box<dyn Read + Send>,
    limit: Limit,
    clock: Clock,
    until: Instant,
    /// Bytes received since the request.
    heard: u64,
}

impl PatientStream {
    /// A reader without a request.
    pub fn new(line: Box<dyn Read + Send>, limit: Limit, clock: Clock) -> PatientStream {
        let until = clock();
        PatientStream {
            line,
            limit,
            clock,
            until,
            heard: 0,
        }
    }

    /// Starts the time of a request.
    pub fn begin(&mut self) {
        self.until = (self.clock)() + PATIENCE;
        self.heard = 0;
    }

    /// The current time of this line's clock.
    pub fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Bytes received since the request.
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Discards late bytes until the line is silent or the request's time is over.
    pub fn settle(&mut self) -> io::Result<()> {
        let question = self.until;
        let mut piece = [0; 256];
        let before = self.heard;
        while self.heard - before < MOST_LATE {
            self.until = question.min((self.clock)() + SILENCE);
            let read = self.read(&mut piece);
            let is_over = (self.clock)() >= question;
            self.until = question;
            match read {
                Ok(0) => return Ok(()),
                Ok(_) if is_over => return Err(io::ErrorKind::TimedOut.into()),
                Ok(_) => {}
                Err(error) if is_late(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }
}

/// Whether a read ended because of its timeout.
pub fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

impl Read for PatientStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.until.saturating_duration_since((self.clock)());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        (self.limit)(left)?;
        let count = self.line.read(into)?;
        self.heard += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A clock that advances by a second with every byte read.
    struct Drips(Arc<Mutex<Instant>>);

    impl Read for Drips {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            *self.0.lock().unwrap() += Duration::from_secs(1);
            into[0] = b'+';
            Ok(1)
        }
    }

    fn dripping(limit: Limit) -> PatientStream {
        let time = Arc::new(Mutex::new(Instant::now()));
        let clock = time.clone();
        let clock = move || *clock.lock().unwrap();
        PatientStream::new(Box::new(Drips(time)), limit, Box::new(clock))
    }

    #[test]
    fn what_drips_is_given_up_and_the_next_answer_has_its_own_time() {
        let mut line = dripping(Box::new(|_| Ok(())));
        for _ in 0..2 {
            line.begin();
            let mut count = 0;
            let error = loop {
                match line.read(&mut [0; 16]) {
                    Ok(bytes) => count += bytes as u64,
                    Err(error) => break error,
                }
            };
            assert!(is_late(&error));
            assert_eq!((count, line.heard()), (PATIENCE.as_secs(), count));
        }
    }

    #[test]
    fn each_read_waits_only_for_what_is_left() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let limits = told.clone();
        let mut line = dripping(Box::new(move |left| {
            limits.lock().unwrap().push(left.as_secs());
            Ok(())
        }));
        line.begin();
        while line.read(&mut [0; 16]).is_ok() {}
        let down: Vec<u64> = (1..=PATIENCE.as_secs()).rev().collect();
        assert_eq!(*told.lock().unwrap(), down);
    }

    #[test]
    fn a_line_that_never_settles_is_given_up() {
        let mut line = dripping(Box::new(|_| Ok(())));
        line.begin();
        assert!(line.settle().is_err());
    }
}
