//! A machine whose serial line is a socket: several programs can take turns on it, as gdb and a
//! terminal do on a cable.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::inputs::built;
use super::qemu::PROMPT;

/// As generous as the console's.
const PATIENCE: Duration = Duration::from_secs(150);

/// A running machine, and where its line is.
pub struct SocketBoard {
    machine: Child,
    folder: TempDir,
}

impl SocketBoard {
    /// Starts the built Image with `extra` arguments for QEMU.
    #[track_caller]
    pub fn start(extra: &[&str]) -> Self {
        Self::start_of("riscv64", "images/Image", extra)
    }

    /// Starts the Image of 32 bits and waits for the shell's prompt.
    #[track_caller]
    pub fn boot_of_32_bits(extra: &[&str]) -> Self {
        let board = Self::start_of("riscv32", "images/rv32/Image", extra);
        board.terminal().expect(PROMPT);
        board
    }

    fn start_of(machine: &str, image: &str, extra: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let line = folder.path().join("line");
        let machine = Command::new(format!("qemu-system-{machine}"))
            .args(["-M", "virt", "-m", "128M", "-smp", "1", "-nodefaults"])
            .args(["-display", "none", "-no-reboot", "-kernel"])
            .arg(built(image))
            .arg("-chardev")
            .arg(format!(
                "socket,id=line,path={},server=on,wait=on",
                line.display()
            ))
            .args(["-serial", "chardev:line"])
            .args(extra)
            .stdin(Stdio::null())
            .spawn()
            .expect("QEMU; run `./setup --tests`");
        SocketBoard { machine, folder }
    }

    /// Starts it and waits for the shell's prompt.
    #[track_caller]
    pub fn boot(extra: &[&str]) -> Self {
        let board = Self::start(extra);
        board.terminal().expect(PROMPT);
        board
    }

    /// The socket, as gdb and others name it.
    pub fn line(&self) -> PathBuf {
        self.folder.path().join("line")
    }

    /// Takes the line as a terminal does. It is free again when the terminal goes.
    #[track_caller]
    pub fn terminal(&self) -> Terminal {
        Terminal {
            line: connect(&self.line()),
            text: String::new(),
        }
    }
}

impl Drop for SocketBoard {
    fn drop(&mut self) {
        // It may be gone already; then there is nothing left to stop.
        let _ = self.machine.kill();
        let _ = self.machine.wait();
    }
}

/// Waits for the socket to be there, and for its last user to be gone.
#[track_caller]
fn connect(path: &Path) -> UnixStream {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match UnixStream::connect(path) {
            Ok(line) => return line,
            Err(error) if Instant::now() > deadline => panic!("{}: {error}", path.display()),
            Err(_) => std::thread::yield_now(),
        }
    }
}

/// A person who types at the line.
pub struct Terminal {
    line: UnixStream,
    text: String,
}

impl Terminal {
    /// Waits for `wanted`; what came before it since the last wait.
    #[track_caller]
    pub fn expect(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.text.find(wanted) {
                let before = self.text[..at].to_owned();
                self.text.drain(..at + wanted.len());
                return before;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{wanted:?} never came: {}", self.text);
            self.line
                .set_read_timeout(Some(left))
                .expect("a socket takes a deadline");
            let mut bytes = [0; 4096];
            match self.line.read(&mut bytes) {
                Ok(0) => panic!("the line ended before {wanted:?}: {}", self.text),
                Ok(count) => self.text += &String::from_utf8_lossy(&bytes[..count]),
                Err(error) => panic!("{wanted:?} never came: {error}: {}", self.text),
            }
        }
    }

    /// Listens until the board has said that many bytes.
    #[track_caller]
    pub fn hear(&mut self, bytes: usize) {
        let mut piece = [0; 1];
        while self.text.len() < bytes {
            self.line
                .set_read_timeout(Some(PATIENCE))
                .expect("a socket takes a deadline");
            // A byte at a time: the next reader receives all that follows.
            match self.line.read(&mut piece) {
                Ok(1) => self.text.push(piece[0].into()),
                other => panic!("{bytes} bytes never came: {other:?}: {}", self.text),
            }
        }
    }

    /// Types bytes as they are.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        self.line.write_all(bytes).expect("the line takes keys");
    }

    /// Gives the shell a command; its answer, the prompt being back.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> String {
        self.send(format!("{command}\r").as_bytes());
        self.expect("\n");
        self.expect(PROMPT).replace('\r', "")
    }
}
