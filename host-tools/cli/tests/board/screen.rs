//! A terminal of a size, a program of ours in it, and what is on the screen.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// As generous as the console's: a machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(150);

/// A screen with `pagewalk` on it.
pub struct Screen {
    pub program: Child,
    terminal: File,
    parser: vt100::Parser,
}

impl Screen {
    /// Runs it in a folder.
    #[track_caller]
    pub fn run(arguments: &[&str], folder: &str, width: u16, height: u16) -> Screen {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&ours).expect("a terminal");
        unlockpt(&ours).expect("a terminal");
        let name = ptsname(&ours, Vec::new()).expect("a terminal");
        let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("a terminal");
        let size = Winsize {
            ws_row: height,
            ws_col: width,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&theirs, size).expect("a size");
        let theirs = File::from(theirs);
        let end = || theirs.try_clone().expect("a descriptor");
        // An example has the harness too; no program is built with it.
        let pagewalk = option_env!("CARGO_BIN_EXE_pagewalk").unwrap_or("pagewalk");
        let program = Command::new(pagewalk)
            .args(arguments)
            .current_dir(folder)
            .env("TERM", "xterm-256color")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("pagewalk starts");
        Screen {
            program,
            terminal: File::from(ours),
            parser: vt100::Parser::new(
                height.try_into().expect("a height"),
                width.try_into().expect("a width"),
                0,
            ),
        }
    }

    /// Takes what the program draws, if it draws for a while; false at its end.
    fn read(&mut self) -> bool {
        let mut ready = [PollFd::new(&self.terminal, PollFlags::IN)];
        let while_waiting = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        if poll(&mut ready, Some(&while_waiting)) == Ok(0) {
            return true;
        }
        let mut piece = [0; 4096];
        match self.terminal.read(&mut piece) {
            Ok(count @ 1..) => {
                self.parser.process(&piece[..count]);
                true
            }
            _ => false,
        }
    }

    /// Waits until something has been drawn.
    #[track_caller]
    pub fn drawn(&mut self) {
        assert!(self.read(), "it ended: {}", self.text());
    }

    /// Waits until a text stands on the screen.
    #[track_caller]
    pub fn until(&mut self, wanted: &str) {
        self.until_that(wanted, |text| text.contains(wanted));
    }

    /// Waits until something holds of the screen.
    #[track_caller]
    pub fn until_that(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(&self.text()) {
            assert!(Instant::now() < deadline, "{what}: {}", self.text());
            assert!(self.read(), "{what}: it ended: {}", self.text());
        }
    }

    /// Waits until a text stands on the screen no more.
    #[track_caller]
    pub fn until_not(&mut self, unwanted: &str) {
        self.until_that(unwanted, |text| !text.contains(unwanted));
    }

    /// Waits until the screen is to the letter what is expected.
    #[track_caller]
    pub fn until_is(&mut self, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.text() != expected && Instant::now() < deadline && self.read() {}
        assert_eq!(
            self.text(),
            expected,
            "with UPDATE=1 the files are written again"
        );
    }

    /// Waits until nothing has been drawn for a second.
    pub fn settle(&mut self) {
        loop {
            let before = Instant::now();
            if !self.read() || before.elapsed() >= Duration::from_secs(1) {
                return;
            }
        }
    }

    /// The screen, without the blanks at the ends of lines.
    pub fn text(&self) -> String {
        let width = self.parser.screen().size().1;
        let rows = self.parser.screen().rows(0, width.get());
        rows.map(|row| row.trim_end().to_owned() + "\n").collect()
    }

    /// Types.
    #[track_caller]
    pub fn press(&mut self, keys: &[u8]) {
        self.terminal.write_all(keys).expect("keys");
    }

    /// Waits for the program's end, which must be a good one.
    #[track_caller]
    pub fn end(mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.program.try_wait().expect("a program") {
                return assert!(status.success(), "{status}");
            }
            assert!(Instant::now() < deadline, "{}", self.text());
            // What it still draws must not stop it.
            std::thread::yield_now();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
