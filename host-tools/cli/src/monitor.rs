//! `pagewalk monitor`: a terminal for a board's console.
//!
//! ```text
//! $ pagewalk monitor /dev/ttyUSB0@2000000 --elf target/board-side/…/board/kernel
//! [   0.412] Pagewalk 0.1.0 on QEMU virt: 128 MiB RAM, 125 MiB page pool
//! [   0.413] pw>
//! [   9.120] pagewalk: kernel fault: Store/AMO page fault
//! [   9.120]   scause 000000000000000f sepc ffffffff8001d60a <trap_from_user+0x4> …
//! ```

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use link::recording::{RawFile, RecordingSink};
use link::session::{PassiveDecoder, SessionEvent};
use link::transport::{Presence, Spec};
use wire::Channel;

use crate::ending;
use crate::escapes::Escapes;
use crate::raw_mode::{LEAVE, RawMode};
use crate::reconnect;
use crate::symbols::Programs;

/// Ctrl-C: sent to the board while the line is open.
const INTERRUPT: u8 = 0x03;
/// Fewer hexadecimal digits are not treated as an address.
const DIGITS: usize = 5;

/// Show a board's console, each line with its start time; keys go to the board. Ctrl-] quits.
///
/// Text and colours are passed to the terminal. Other control codes of the board, which could make the
/// terminal answer, change its title or its character set, are removed, with a note.
///
/// A serial port or socket that is absent, or is lost, is waited for: unplug the adapter, reset the board,
/// restart the emulator. Ctrl-C ends the waiting; otherwise it goes to the board.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  pagewalk monitor /dev/ttyUSB0@2000000
  pagewalk monitor tcp://localhost:4444 --log boot.txt --no-time
  pagewalk monitor qemu --elf target/board-side/riscv64gc-unknown-none-elf/board/kernel")]
pub struct MonitorArgs {
    /// The line: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu, qemu:IMAGE
    #[arg(value_name = "SPEC")]
    line: Spec,
    /// Append the board's output to this file, unchanged
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Symbolize addresses with this program; may be repeated
    #[arg(long, value_name = "FILE")]
    elf: Vec<PathBuf>,
    /// End when the line is lost, and at once if it is absent, instead of waiting for it
    #[arg(long)]
    once: bool,
    /// Omit the time before each line
    #[arg(long)]
    no_time: bool,
    /// Pass every control code of the board to the terminal, not only colours
    #[arg(long)]
    raw: bool,
}

/// Runs until the line ends for good, or Ctrl-] is typed.
pub fn run(args: MonitorArgs) -> anyhow::Result<()> {
    let programs = Programs::read(&args.elf)?;
    let mut log = args.log.as_deref().map(RawFile::append).transpose()?;
    ending::at_once(RawMode::restore);
    let line = reconnect::open(&args.line, args.once, "\r")?;
    let presence = line.presence();
    let (mut reader, writer, _machine) = line.split();
    let raw = RawMode::begin()?;
    std::thread::spawn(move || type_on(writer, presence));
    let mut screen = Screen {
        out: io::stdout(),
        began: Instant::now(),
        time: !args.no_time,
        escapes: (!args.raw).then(Escapes::default),
        has_said_so: false,
        programs: &programs,
        line_begins: true,
        word: Vec::new(),
    };
    let mut decoder = PassiveDecoder::default();
    let mut piece = vec![0; 4096];
    let ended = loop {
        match reader.read(&mut piece) {
            Ok(0) => break Ok(()),
            Ok(length) => {
                if let Some(log) = &mut log {
                    log.received(&piece[..length])?;
                }
                // Frames are removed from the output, those of another program's session too.
                let mut shown = Ok(());
                decoder.receive(&piece[..length], &mut |heard| {
                    if let SessionEvent::Text(text) | SessionEvent::Bytes(Channel::Console, text) =
                        heard
                        && shown.is_ok()
                    {
                        shown = screen.show(text);
                    }
                });
                shown?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    screen.end()?;
    drop(raw);
    ended.with_context(|| args.line.to_string())?;
    eprintln!("note: {}: the line has ended", args.line);
    Ok(())
}

/// Sends keys to the board, until Ctrl-] or the end of the input; Ctrl-C ends the waiting for a line.
fn type_on(mut writer: Box<dyn Write + Send>, presence: Option<Arc<Presence>>) {
    let mut piece = [0; 256];
    let mut takes_keys = true;
    while let Ok(length @ 1..) = io::stdin().read(&mut piece) {
        let typed = &piece[..length];
        let leave = typed.iter().position(|key| *key == LEAVE);
        let is_absent = presence.as_ref().is_some_and(|it| !it.is_there());
        if is_absent && leave.is_none() && typed.contains(&INTERRUPT) {
            RawMode::restore();
            std::process::exit(ending::INTERRUPTED);
        }
        let sent = writer.write_all(&typed[..leave.unwrap_or(length)]);
        let sent = sent.and_then(|()| writer.flush());
        if leave.is_some() {
            RawMode::restore();
            std::process::exit(0);
        }
        // Those keys are lost; Ctrl-] must still work.
        if let Err(error) = &sent
            && takes_keys
        {
            eprintln!("warning: keys do not reach the board: {error}; Ctrl-] leaves\r");
        }
        takes_keys = sent.is_ok();
    }
}

/// The output, with the state of its filters.
struct Screen<'a> {
    out: io::Stdout,
    began: Instant,
    time: bool,
    programs: &'a Programs,
    /// Passes text and colours; `None` with `--raw`.
    escapes: Option<Escapes>,
    has_said_so: bool,
    line_begins: bool,
    /// Hexadecimal digits that may become an address.
    word: Vec<u8>,
}

impl Screen<'_> {
    fn show(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.escapes {
            None => self.print(bytes),
            Some(escapes) => {
                let mut passed = Vec::with_capacity(bytes.len());
                for byte in bytes {
                    escapes.pass(*byte, &mut passed);
                }
                self.print(&passed)
            }
        }
    }

    /// Reports once that codes were removed, between two lines of the board.
    fn say_so(&mut self) {
        let dropped = self.escapes.as_ref().map_or(0, Escapes::dropped);
        if dropped > 0 && !self.has_said_so {
            self.has_said_so = true;
            eprintln!(
                "note: the board sends codes for the terminal, which are left out; --raw passes them on\r"
            );
        }
    }

    /// Restores the terminal's colours.
    fn end(&mut self) -> io::Result<()> {
        self.end_word()?;
        if self.escapes.as_ref().is_some_and(Escapes::has_colour) {
            self.out.write_all(b"\x1b[0m")?;
        }
        self.out.flush()?;
        self.say_so();
        Ok(())
    }

    fn print(&mut self, bytes: &[u8]) -> io::Result<()> {
        for &byte in bytes {
            if self.line_begins {
                self.say_so();
            }
            if self.line_begins && !matches!(byte, b'\r' | b'\n') {
                self.line_begins = false;
                if self.time {
                    let since = self.began.elapsed();
                    write!(
                        self.out,
                        "[{:>4}.{:03}] ",
                        since.as_secs(),
                        since.subsec_millis()
                    )?;
                }
            }
            if byte.is_ascii_hexdigit() || byte == b'x' && self.word == b"0" {
                self.word.push(byte);
            } else {
                self.end_word()?;
            }
            self.out.write_all(&[byte])?;
            self.line_begins |= byte == b'\n';
        }
        self.out.flush()
    }

    /// Ends a run of digits, and writes the symbol after it if it is an address of one.
    fn end_word(&mut self) -> io::Result<()> {
        let word = std::mem::take(&mut self.word);
        let digits = word.strip_prefix(b"0x").unwrap_or(&word);
        if digits.len() < DIGITS {
            return Ok(());
        }
        let address = std::str::from_utf8(digits).ok();
        let address = address.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let name = address.and_then(|at| self.programs.name(at));
        match name {
            Some(name) => write!(self.out, " <{name}>"),
            None => Ok(()),
        }
    }
}
