//! The one serial line: text for people, and frames for the desk once it said hello.
//!
//! Text goes through a ring to the device, drained by its interrupt. Frames stand between
//! zero bytes, so with frames on no zero byte of text is sent; nobody prints one.

use core::fmt;

use wire::{Heard, Request, Splitter};

use super::report::Report;
use super::ring::Ring;
use crate::board::Board;
use crate::drivers::{Registers, Uart};
use crate::fault::Log;

const OUT: usize = 4096;
const INPUT: usize = 512;
/// Text may delay a frame by at most so many bytes.
const TEXT_BETWEEN: usize = 256;
/// How often a kernel message looks for room before the line counts as stuck: a dead line must
/// not stop the kernel.
const PATIENCE: usize = 1_000_000;
/// The key that ends the program in the foreground.
const CTRL_C: u8 = 0x03;

/// The line and both its directions.
pub struct Console<R> {
    uart: Option<Uart<R>>,
    board: &'static str,
    ticks_per_second: u64,
    out: Ring<OUT>,
    input: Ring<INPUT>,
    /// Hears the largest frame there can be: of a newer desk's frame, too, no byte is a key.
    splitter: Splitter<{ wire::LARGEST }>,
    frames: bool,
    report: Report,
    /// Bytes of text since the last frame.
    text: usize,
    /// A message's patience ran out, and nothing was sent since.
    stuck: bool,
}

impl<R: Registers> Console<R> {
    /// No device yet: what is written waits.
    pub const EMPTY: Console<R> = Console {
        uart: None,
        board: "",
        ticks_per_second: 0,
        out: Ring::EMPTY,
        input: Ring::EMPTY,
        splitter: Splitter::new(),
        frames: false,
        report: Report::EMPTY,
        text: 0,
        stuck: false,
    };

    /// Gives the console its device; the rest is for the greeting when frames begin.
    pub fn open(&mut self, uart: Uart<R>, board: &'static Board, ticks_per_second: u64) {
        self.uart = Some(uart);
        self.board = board.name;
        self.ticks_per_second = ticks_per_second;
    }

    /// Frames from now on, beginning with a greeting and the oldest record that is kept.
    pub fn begin_frames(&mut self, log: &Log) {
        self.frames = true;
        self.report.greet(log);
    }

    /// How many bytes a program may write: each may become two.
    pub fn room(&self) -> usize {
        self.out.room() / 2
    }

    /// Writes at most [`Self::room`] bytes of a program's text.
    pub fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.put(byte);
        }
        self.send();
    }

    /// Is there input for a program?
    pub fn has_input(&self) -> bool {
        self.input.used() > 0
    }

    /// Copies what input there is; how many bytes that were.
    pub fn peek(&self, into: &mut [u8]) -> usize {
        into.iter_mut()
            .zip(self.input.iter())
            .map(|(to, from)| *to = from)
            .count()
    }

    /// Takes that many bytes of input off.
    pub fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    /// The device interrupted: takes what came in, sends what waits. With a program in the
    /// foreground the key that ends it is kept from the input; whether it was pressed.
    pub fn interrupt(&mut self, log: &Log, foreground: bool) -> bool {
        if let Some(uart) = &mut self.uart {
            uart.acknowledge();
        }
        let mut pressed = false;
        while let Some(byte) = self.uart.as_mut().and_then(Uart::receive) {
            pressed |= self.hear(byte, log, foreground);
        }
        self.drain(log);
        pressed
    }

    /// Faults stand in the log. A frame is made when enough have come together; whether some
    /// wait for others.
    #[inline]
    pub fn fault_recorded(&mut self, log: &Log) -> bool {
        if !self.frames {
            return false;
        }
        if self.report.is_worthwhile(log) {
            self.drain(log);
        }
        self.report.has_more(log)
    }

    /// Are there records that the desk has not been told of?
    pub fn owes_frames(&self, log: &Log) -> bool {
        self.frames && (self.report.has_more(log) || !self.report.rest().is_empty())
    }

    /// Sends all text and every record there is, as long as the line takes anything.
    pub fn flush(&mut self, log: &Log) {
        let mut patience = PATIENCE;
        while (self.out.used() > 0 || self.owes_frames(log)) && patience > 0 {
            patience -= 1;
            if self.drain(log) {
                patience = PATIENCE;
            }
        }
    }

    /// Sends text and frames as far as the device has room; whether it took anything.
    pub fn drain(&mut self, log: &Log) -> bool {
        let mut any = false;
        loop {
            let sent = self.send();
            any |= sent > 0;
            let between = self.report.rest().is_empty()
                && (self.out.used() == 0 || self.text >= TEXT_BETWEEN);
            if self.frames && between {
                let greeting = (self.board, self.ticks_per_second);
                self.report.make(log, greeting);
                self.text = 0;
            }
            if sent == 0 {
                break;
            }
        }
        let waiting = self.out.used() > 0 || self.owes_frames(log);
        if let Some(uart) = &mut self.uart {
            uart.want_room(waiting);
        }
        any
    }

    /// Takes a byte from the line. What comes when nobody has read for long is lost.
    fn hear(&mut self, byte: u8, log: &Log, foreground: bool) -> bool {
        let (mut pressed, mut hello) = (false, false);
        match self.splitter.feed(byte) {
            Some(Heard::Text(text)) => {
                for &byte in text {
                    if byte == CTRL_C && foreground {
                        pressed = true;
                    } else {
                        self.input.push(byte);
                    }
                }
            }
            Some(Heard::Frame(frame)) => {
                hello = matches!(Request::decode(&frame), Ok(Request::Hello { .. }))
            }
            Some(Heard::Bad(_)) | None => {}
        }
        if hello {
            self.begin_frames(log);
        }
        pressed
    }

    fn put(&mut self, byte: u8) -> bool {
        match byte {
            0 => true,
            b'\n' => self.out.room() >= 2 && self.out.push(b'\r') && self.out.push(b'\n'),
            _ => self.out.push(byte),
        }
    }

    /// Gives the device what it takes now; a frame that has begun goes first and whole.
    fn send(&mut self) -> usize {
        let Some(uart) = &mut self.uart else { return 0 };
        let rest = self.report.rest();
        let sent = if rest.is_empty() {
            let sent = uart.send(self.out.iter());
            self.out.consume(sent);
            self.text += sent;
            sent
        } else {
            let sent = uart.send(rest.iter().copied());
            self.report.sent(sent);
            sent
        };
        if sent > 0 {
            self.stuck = false;
        }
        let waiting = self.out.used() > 0 || !self.report.rest().is_empty();
        if let Some(uart) = &mut self.uart {
            uart.want_room(waiting);
        }
        sent
    }
}

/// The kernel's own messages wait for room, within reason.
impl<R: Registers> fmt::Write for Console<R> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let mut patience = if self.stuck { 0 } else { PATIENCE };
            while !self.put(byte) && patience > 0 {
                patience = if self.send() > 0 {
                    PATIENCE
                } else {
                    patience - 1
                };
                self.stuck = patience == 0;
            }
        }
        self.send();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
