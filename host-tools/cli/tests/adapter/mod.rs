//! A serial adapter: a name that leads to a terminal as long as there is one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A terminal's two ends; theirs is kept so that it does not look hung up before it is opened.
pub struct AdapterTerminal {
    ours: File,
    theirs: File,
    name: PathBuf,
}

impl AdapterTerminal {
    pub fn new() -> AdapterTerminal {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("a terminal");
        unlockpt(&ours).expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a name");
        let name = PathBuf::from(name.into_string().expect("text"));
        let theirs = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("an end");
        let mut modes = tcgetattr(&theirs).expect("modes");
        modes.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &modes).expect("modes");
        AdapterTerminal {
            ours: ours.into(),
            theirs: theirs.into(),
            name,
        }
    }

    /// Gives it this name too.
    pub fn plug_in(self, at: &Path) -> AdapterTerminal {
        symlink(&self.name, at).expect("a name");
        self
    }

    /// Takes the name away, and hangs up.
    pub fn pull_out(self, at: &Path) {
        fs::remove_file(at).expect("the name");
    }

    /// The rate that the program which has it open has set, in bits a second.
    pub fn baud(&self) -> u32 {
        tcgetattr(&self.theirs).expect("modes").output_speed()
    }

    /// Its other end, for a program.
    pub fn end(&self) -> Stdio {
        Stdio::from(self.theirs.try_clone().expect("a descriptor"))
    }
}

impl Read for AdapterTerminal {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.ours.read(into)
    }
}

impl Write for AdapterTerminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.ours.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.ours.flush()
    }
}
