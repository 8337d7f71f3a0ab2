//! A terminal of our own making, for programs that want a serial port.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// Our end of it, and theirs.
pub struct Pty {
    /// What the board says is written here, and what is typed is read.
    pub ours: File,
    /// What a terminal program opens.
    pub path: PathBuf,
    /// Kept open, so that it lasts from one program to the next.
    _theirs: File,
}

/// Makes one that passes every byte on as it is.
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
