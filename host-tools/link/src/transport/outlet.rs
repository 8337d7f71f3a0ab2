//! The writing half of a line: it waits for a line that accepts no bytes, with a limit.
//!
//! A stopped board, a peer that never reads, and a port held back by flow control accept nothing. A write
//! that waits for them would exceed every deadline.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Time limit for a line that accepts no bytes. An Ox64 at 2,000,000 baud accepts 400,000 in that time.
const PATIENCE: Duration = Duration::from_secs(2);

/// A ready pipe accepts so many bytes without blocking: POSIX, `PIPE_BUF`; pipe(7).
const AT_ONCE: usize = 4096;

fn takes_nothing() -> io::Error {
    let what = format!(
        "the line has taken no bytes for {} s: has the other end stopped reading, or is it held \
         back by flow control?",
        PATIENCE.as_secs()
    );
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// A pipe or a socket.
pub(crate) struct Outlet<W>(pub W);

impl<W: Write + AsFd> Write for Outlet<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let patience = Timespec {
            tv_sec: PATIENCE.as_secs() as i64,
            tv_nsec: 0,
        };
        let mut ready = [PollFd::new(&self.0, PollFlags::OUT)];
        match poll(&mut ready, Some(&patience))? {
            0 => Err(takes_nothing()),
            // The write itself reports an error of the line.
            _ => self.0.write(&bytes[..bytes.len().min(AT_ONCE)]),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A serial port; its own timeout is too short for slow ones.
pub(super) struct PortOutlet(pub Box<dyn serialport::SerialPort>);

impl Write for PortOutlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.0.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    if Instant::now() > deadline {
                        return Err(takes_nothing());
                    }
                }
                other => return other,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        // `tcdrain` waits as long as flow control holds the port: accepted bytes are sent.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_peer_that_never_reads_does_not_hold_the_writer_for_ever() {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let mut outlet = Outlet(ours);
        let error = loop {
            if let Err(error) = outlet.write_all(&[0; AT_ONCE]) {
                break error;
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(error.to_string().contains("taken no bytes"), "{error}");
    }

    #[test]
    fn a_peer_that_has_gone_is_an_error_at_once() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        drop(theirs);
        let error = Outlet(ours)
            .write_all(b"x")
            .expect_err("the other end is closed");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
