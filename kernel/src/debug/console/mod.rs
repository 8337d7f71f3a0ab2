//! The one serial line: text for people, frames for the host, packets for gdb.
//!
//! What is to be said waits in rings and windows and goes to the device as its interrupts ask
//! for it. Frames stand between zero bytes, so no zero byte of text is sent; no program prints one.

mod bystander;
mod dialogue;
mod gdb_detector;
mod outgoing;
mod report;
mod send;
mod session;

use core::fmt;

use wire::{Channel, Split, Splitter};

pub use dialogue::LineMode;
pub use outgoing::Outgoing;

use self::dialogue::Dialogue;
use super::ring::Ring;
use super::stub::{GdbRequest, Shim};
use crate::board::BuiltinBoard;
use crate::drivers::{Registers, Uart};
use crate::fault::Log;

const OUT: usize = 4096;
/// Text may delay a frame by at most so many bytes.
const TEXT_BETWEEN: usize = 256;
/// Milliseconds after which a frame that has begun and does not go on is dropped: its sender was
/// cut off, and a person may type next.
const PARTIAL_MS: u64 = 1000;
/// Milliseconds that no sender rests in the middle of a frame. At boot, and after half a frame, keys
/// wait so long until it is known that they are not the rest of a frame.
const JOIN_MS: u64 = 100;
/// Bytes that are taken in at once: more than any FIFO holds.
const LISTEN: usize = 1024;
/// How often a kernel message looks for room before the line counts as stuck: a dead line must
/// not stop the kernel.
const PATIENCE: usize = 1_000_000;

/// The line and both its directions.
pub struct Console<R> {
    uart: Option<Uart<R>>,
    board: Option<&'static BuiltinBoard>,
    ticks_per_second: u64,
    out: Ring<OUT>,
    /// Holds the largest frame there can be, so that no byte of a newer host's frame is taken for a key.
    splitter: Splitter<{ wire::LARGEST }>,
    /// When the last byte came.
    received_at: u64,
    /// A byte came since boot. The first may be the rest of a frame however long the line was quiet: a host that is
    /// cut off may be the only one that ever spoke.
    has_received: bool,
    /// A program was in the foreground when it came.
    foreground: bool,
    dialogue: Dialogue,
    outgoing: Outgoing,
    /// The program stands: gdb may not be shown text.
    is_halted: bool,
    /// Bytes of text since the last frame.
    text: usize,
    /// Bytes that the device took and gave since boot.
    moved: u64,
    /// A message's patience ran out, and nothing was sent since.
    stuck: bool,
    /// The time at the last call that passed it.
    now: u64,
}

impl<R: Registers> Console<R> {
    /// No device yet: what is written waits. All of it is zeros, which no Image has to carry.
    pub const EMPTY: Console<R> = Console {
        uart: None,
        board: None,
        ticks_per_second: 0,
        out: Ring::EMPTY,
        // The firmware, or the loader, had the line until now.
        splitter: Splitter::joining(),
        received_at: 0,
        has_received: false,
        foreground: false,
        dialogue: Dialogue::EMPTY,
        outgoing: Outgoing::EMPTY,
        is_halted: false,
        text: 0,
        moved: 0,
        stuck: false,
        now: 0,
    };

    /// Gives the console its device; the rest is for the greeting when frames begin.
    pub fn open(&mut self, uart: Uart<R>, board: &'static BuiltinBoard, ticks_per_second: u64) {
        self.uart = Some(uart);
        self.board = Some(board);
        self.ticks_per_second = ticks_per_second;
        self.dialogue.bystander.set_rate(ticks_per_second);
    }

    /// The line is this kernel's from now on, in ticks: who spoke on it before may have been cut off.
    pub fn begin_listening(&mut self, now: u64) {
        (self.now, self.received_at) = (now, now);
    }

    /// As after a first key: for tests of tasks, whose keys need not wait.
    #[cfg(test)]
    pub fn begin_after_a_key(&mut self, now: u64) {
        self.begin_listening(now);
        self.has_received = true;
    }

    /// Frames of events from now on, beginning with a greeting and the oldest record kept.
    pub fn begin_frames(&mut self) {
        self.dialogue.begin();
    }

    /// How many bytes the device has taken and given: whether an interrupt came to anything.
    pub fn bytes_moved(&self) -> u64 {
        self.moved
    }

    /// How the line is spoken now.
    pub fn mode(&self) -> LineMode {
        self.dialogue.mode
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
        self.dialogue.input.used() > 0
    }

    /// Copies what input there is, up to the key that ends a line: what was typed ahead may be
    /// for the program that the line starts. How many bytes that were.
    pub fn peek(&self, into: &mut [u8]) -> usize {
        let mut copied = 0;
        for (to, from) in into.iter_mut().zip(self.dialogue.input.iter()) {
            *to = from;
            copied += 1;
            if matches!(from, b'\r' | b'\n') {
                break;
            }
        }
        copied
    }

    /// A program comes to the foreground: was the key that ends it typed ahead? Then that key is
    /// taken, and so is what came before it.
    pub fn take_typed_ahead(&mut self) -> bool {
        self.dialogue.take_typed_ahead()
    }

    /// Takes that many bytes of input off.
    pub fn consume(&mut self, bytes: usize) {
        self.dialogue.input.consume(bytes);
    }

    /// The device interrupted: takes what came in, sends what waits. With a program in the
    /// foreground the key that ends it is kept from the input; whether it was pressed.
    pub fn interrupt(&mut self, log: &Log, now: u64, foreground: bool) -> bool {
        self.now = now;
        if let Some(uart) = &mut self.uart {
            uart.acknowledge();
        }
        self.listen(foreground);
        self.drain(log);
        self.dialogue.take_pressed()
    }

    /// Takes what came in, within bounds: a device that claims without end to hold something must not
    /// hold the kernel. The rest interrupts again.
    pub fn listen(&mut self, foreground: bool) {
        let rate = self.ticks_per_second;
        for _ in 0..LISTEN {
            let Some(byte) = self.uart.as_mut().and_then(Uart::receive) else {
                return;
            };
            self.moved += 1;
            // No frame has such a pause: what comes now is the rest of none. Without this a key that is typed after
            // the rest of a frame would wait for the pause behind it. The very first byte does wait: the start of
            // its frame may have been lost before this kernel listened.
            let is_quiet = self.now.saturating_sub(self.received_at) >= JOIN_MS * rate / 1000;
            if is_quiet && self.has_received {
                self.splitter.join_quiet_line();
            }
            self.has_received = true;
            (self.received_at, self.foreground) = (self.now, foreground);
            match self.splitter.feed(byte) {
                Some(Split::Text(text)) if self.dialogue.mode != LineMode::Gdb => {
                    self.dialogue.receive_text(text, self.now, foreground);
                }
                Some(Split::Frame(frame)) => {
                    self.dialogue
                        .receive_frame(&frame, rate, self.now, foreground);
                }
                _ => {}
            }
            // gdb's own bytes may look like anything.
            if self.dialogue.mode == LineMode::Gdb {
                self.dialogue.receive_text(&[byte], self.now, foreground);
            }
        }
    }

    /// Time has passed: what is overdue is done. The key that ends the program in the foreground may
    /// be among what was held back: see [`Self::take_pressed`].
    pub fn tick(&mut self, log: &Log, now: u64) {
        self.now = now;
        if now >= self.partial_deadline()
            && let Some(Split::Text(text)) = self.splitter.rest()
            && self.dialogue.mode != LineMode::Gdb
        {
            self.dialogue.receive_text(text, now, self.foreground);
        }
        let (out, rate) = (&mut self.out, self.ticks_per_second);
        self.dialogue.tick(now, rate, |text| {
            for &byte in text {
                out.push(byte);
            }
        });
        self.drain(log);
    }

    /// True once for each press of the key that ends the program in the foreground.
    pub fn take_pressed(&mut self) -> bool {
        self.dialogue.take_pressed()
    }

    /// When [`Self::tick`] has something to do, in ticks; `u64::MAX` for never.
    pub fn deadline(&self) -> u64 {
        let dialogue = self.dialogue.deadline(self.ticks_per_second);
        dialogue.min(self.partial_deadline())
    }

    /// When a frame that has begun is given up; `u64::MAX` if none has.
    fn partial_deadline(&self) -> u64 {
        if self.splitter.is_holding() {
            let ms = if self.splitter.is_joining() {
                JOIN_MS
            } else {
                PARTIAL_MS
            };
            self.received_at + ms * self.ticks_per_second / 1000
        } else {
            u64::MAX
        }
    }

    /// Faults stand in the log. A frame is made when enough have come together; whether some
    /// wait for others.
    #[inline]
    pub fn fault_recorded(&mut self, log: &Log) -> bool {
        if !self.emits_events() {
            return false;
        }
        if self.dialogue.report.is_worthwhile(log) {
            self.drain(log);
        }
        self.dialogue.report.has_more(log)
    }

    /// True if there are records that were not sent to the host.
    pub fn owes_frames(&self, log: &Log) -> bool {
        self.emits_events() && (self.dialogue.report.has_more(log) || !self.outgoing.is_free())
    }

    /// True if the host wants faults as they happen.
    #[inline]
    pub fn emits_events(&self) -> bool {
        match self.dialogue.mode {
            LineMode::Plain => self.dialogue.events,
            LineMode::Session => true,
            LineMode::Gdb => false,
        }
    }

    /// Sends all text and every record there is, as long as the line takes anything.
    pub fn flush(&mut self, log: &Log) {
        let mut patience = PATIENCE;
        while (self.out.used() > 0 || self.owes_frames(log)) && patience > 0 {
            patience -= 1;
            if self.drain(log) {
                patience = PATIENCE;
            } else {
                self.listen_for_room();
            }
        }
    }

    /// Sends what waits: text, and a frame of records that were not sent yet. Whether
    /// the device took anything.
    pub fn drain(&mut self, log: &Log) -> bool {
        let mut any = false;
        loop {
            let sent = self.send();
            any |= sent > 0;
            if self.outgoing.is_free() && self.may_tell_events() {
                let board = self.board.map_or("", |board| board.name);
                let greeting = (board, self.ticks_per_second);
                let report = &mut self.dialogue.report;
                report.make(log, greeting, &mut self.outgoing);
                self.text = 0;
            }
            if sent == 0 {
                break;
            }
        }
        let waiting = self.has_something() || self.owes_frames(log);
        if let Some(uart) = &mut self.uart {
            uart.want_room(waiting);
        }
        any
    }

    fn may_tell_events(&self) -> bool {
        match self.dialogue.mode {
            LineMode::Plain => {
                self.dialogue.events && (self.out.used() == 0 || self.text >= TEXT_BETWEEN)
            }
            LineMode::Session => !self.dialogue.session.wants_to_send(),
            LineMode::Gdb => false,
        }
    }

    /// Is there something to send but events? What waits for the other side is nothing.
    fn has_something(&self) -> bool {
        let text = self.out.used() > 0;
        !self.outgoing.is_free()
            || match self.dialogue.mode {
                LineMode::Plain => text,
                LineMode::Gdb => {
                    let waits = !self.dialogue.gdb.rest().is_empty();
                    waits || !self.dialogue.notice().is_empty() || text && self.may_show_text()
                }
                LineMode::Session => {
                    let gdb = !self.dialogue.gdb.rest().is_empty();
                    self.dialogue.session.wants_to_send()
                        || self.dialogue.session.has_room() && (gdb || text)
                }
            }
    }

    fn may_show_text(&self) -> bool {
        !self.is_halted && self.dialogue.gdb.is_quiet()
    }

    /// The next question to the agent, if its answer has room; it stays until [`Self::answer`].
    pub fn ask(&self, into: &mut [u8; 256]) -> Option<usize> {
        let session = &self.dialogue.session;
        if self.dialogue.mode == LineMode::Session && session.has_room() {
            self.dialogue.ask(into)
        } else {
            None
        }
    }

    /// The agent's answer to that question; empty if it has none.
    pub fn answer(&mut self, bytes: &[u8]) {
        self.dialogue.ask_answered();
        if !bytes.is_empty() {
            let session = &mut self.dialogue.session;
            session.send(Channel::Control, bytes, self.now);
        }
        self.send();
    }

    /// What gdb wants; each request is returned once.
    pub fn take_gdb_request(&mut self) -> GdbRequest {
        self.dialogue.take_gdb_request()
    }

    /// True if gdb has sent a packet or Ctrl-C that was not handled yet.
    #[inline]
    pub fn has_gdb_request(&self) -> bool {
        self.dialogue.wants()
    }

    /// Both directions of the attached gdb's packets.
    pub fn gdb(&mut self) -> &mut Shim {
        &mut self.dialogue.gdb
    }

    /// Does text wait to be sent?
    pub fn has_text(&self) -> bool {
        self.out.used() > 0
    }

    /// Whether programs run: then gdb may be shown what they print.
    pub fn set_running(&mut self, running: bool) {
        self.is_halted = !running;
    }

    /// gdb went away: the line is plain again.
    pub fn gdb_detached(&mut self) {
        for &byte in self.dialogue.detached() {
            self.out.push(byte);
        }
        self.send();
    }

    /// In a session there is room when the host has acknowledged what was sent before.
    fn listen_for_room(&mut self) {
        if self.dialogue.mode != LineMode::Plain {
            self.listen(false);
        }
    }

    fn put(&mut self, byte: u8) -> bool {
        match byte {
            0 => true,
            b'\n' => self.out.room() >= 2 && self.out.push(b'\r') && self.out.push(b'\n'),
            _ => self.out.push(byte),
        }
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
                    self.listen_for_room();
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
