//! A pseudo terminal, for programs that expect a serial port.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Both ends of a pseudo terminal.
pub struct Pty {
    /// The controlling end: board output is written here, and keys are read.
    pub ours: File,
    /// Path that a terminal program opens.
    pub path: PathBuf,
    /// Kept open, so that the pseudo terminal survives its users.
    _theirs: File,
}

/// Opens a pseudo terminal in raw mode.
pub fn make() -> io::Result<Pty> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&ours)?;
    unlockpt(&ours)?;
    let name = ptsname(&ours, Vec::new())?;
    let path = PathBuf::from(
        name.into_string()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?,
    );
    let theirs = open(&path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    let mut modes = tcgetattr(&theirs)?;
    modes.make_raw();
    tcsetattr(&theirs, OptionalActions::Now, &modes)?;
    Ok(Pty {
        ours: File::from(ours),
        path,
        _theirs: File::from(theirs),
    })
}

/// A terminal that is not read fills up; then its text is dropped.
pub struct RetryingWriter(pub File);

impl Write for RetryingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let ready = rustix::event::poll(
            &mut [rustix::event::PollFd::new(
                &self.0,
                rustix::event::PollFlags::OUT,
            )],
            Some(&rustix::event::Timespec::default()),
        );
        match ready {
            Ok(1..) => self.0.write(bytes),
            _ => Ok(bytes.len()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
