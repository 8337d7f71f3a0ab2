//! The mode of the line, and what was received in it.
//!
//! ```text
//!            hello with a session number          bye, or 5 s of silence
//!   Plain ─────────────────────────────► Session ────────────────────────► Plain
//!   Plain ──── a whole packet of gdb ──► Gdb ── detach, or 3 × Ctrl-C ───► Plain
//! ```
//!
//! Plain at boot: text, and frames of events between it once a host said hello without a session. In a session
//! everything is in frames, gdb's packets too; in `Gdb` the line carries packets only.

use wire::{Channel, Frame, Request};

use super::bystander::{self, Bystander, Follows};
use super::gdb_detector::{Detected, GdbDetector};
use super::report::Report;
use super::session::{Received, SessionState};
use crate::debug::ring::Ring;
use crate::debug::stub::{GdbRequest, Shim};

/// Bytes of keys that wait for a program.
pub const INPUT: usize = 512;
/// Bytes of questions that wait for the agent, each with its length in front.
const ASKS: usize = 512;
/// The key that ends the program in the foreground.
const CTRL_C: u8 = 0x03;
/// Milliseconds after which what looked like a packet of gdb is text.
const DETECTION_MS: u64 = 100;

/// How the line is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMode {
    /// Text; events between it if anybody asked for them.
    Plain,
    /// Frames only: a host opened a session (docs/wire.md).
    Session,
    /// Packets of gdb only, until it detaches.
    Gdb,
}

/// Everything that arrived on the line.
pub struct Dialogue {
    pub(super) mode: LineMode,
    /// Frames of events are wanted while the line is plain.
    pub(super) events: bool,
    began_with_events: bool,
    /// The host said that it goes.
    leaving: bool,
    pub(super) report: Report,
    pub(super) session: SessionState,
    pub(super) gdb: Shim,
    pub(super) input: Ring<INPUT>,
    asks: Ring<ASKS>,
    detector: GdbDetector,
    detected_at: u64,
    /// gdb has gone and has not acknowledged that it may.
    parting: bool,
    /// What gdb wants that has not been dealt with.
    gdb_request: GdbRequest,
    /// The key that ends the program in the foreground was pressed.
    pressed: bool,
    pub(super) bystander: Bystander,
    /// Bytes of [`bystander::NOTICE`] that have not gone out.
    notice_left: usize,
    /// The session of gdb was ended from the keyboard.
    ended_by_keys: bool,
}

impl Dialogue {
    /// A plain line on which nothing arrived yet.
    pub const EMPTY: Dialogue = Dialogue {
        mode: LineMode::Plain,
        events: false,
        began_with_events: false,
        leaving: false,
        report: Report::EMPTY,
        session: SessionState::NONE,
        gdb: Shim::EMPTY,
        input: Ring::EMPTY,
        asks: Ring::EMPTY,
        detector: GdbDetector::EMPTY,
        detected_at: 0,
        parting: false,
        gdb_request: GdbRequest::Nothing,
        pressed: false,
        bystander: Bystander::EMPTY,
        notice_left: 0,
        ended_by_keys: false,
    };

    /// Receives bytes outside of frames: keys, or packets of gdb.
    pub(super) fn receive_text(&mut self, text: &[u8], now: u64, foreground: bool) {
        for &byte in text {
            self.receive_byte(byte, now, foreground);
        }
    }

    fn receive_byte(&mut self, byte: u8, now: u64, foreground: bool) {
        if self.mode == LineMode::Gdb {
            return self.receive_gdb_or_key(byte, now);
        }
        if core::mem::take(&mut self.parting) && byte == b'+' {
            return;
        }
        self.detected_at = now;
        match self.detector.receive(byte) {
            Detected::Held => {}
            Detected::Keys(keys) => {
                self.pressed |= take_keys(&mut self.input, keys, foreground);
            }
            Detected::Gdb(packet) => {
                self.mode = LineMode::Gdb;
                self.gdb.reset();
                self.bystander.packet(now);
                for &byte in packet {
                    self.gdb_request = self.gdb_request.max(self.gdb.receive(byte));
                }
            }
        }
    }

    /// A byte on a line that gdb has to itself: gdb's, or a key of a person who does not know that.
    fn receive_gdb_or_key(&mut self, byte: u8, now: u64) {
        if self.bystander.begins_anew(now) {
            // No packet rests that long: one that had begun was cut off, or typed.
            self.gdb.leave_packet();
        }
        let was_inside = self.gdb.is_in_packet();
        let follows = if was_inside {
            Follows::Nothing
        } else {
            self.bystander.byte(byte, now)
        };
        match follows {
            Follows::Nothing => {}
            Follows::Notice => self.notice_left = bystander::NOTICE.len(),
            Follows::End => {
                self.gdb.reset();
                self.ended_by_keys = true;
                self.gdb_request = GdbRequest::Gone;
                return;
            }
        }
        self.gdb_request = self.gdb_request.max(self.gdb.receive(byte));
        if was_inside && !self.gdb.is_in_packet() {
            self.bystander.packet(now);
        }
    }

    fn receive_gdb(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.gdb_request = self.gdb_request.max(self.gdb.receive(byte));
        }
    }

    /// Receives a frame of a host whose checksum is right.
    pub(super) fn receive_frame(
        &mut self,
        frame: &Frame<'_>,
        rate: u64,
        now: u64,
        foreground: bool,
    ) {
        let Ok(request) = Request::decode(frame) else {
            return;
        };
        match request {
            Request::Hello { session: 0, .. } => {
                self.mode = LineMode::Plain;
                self.listen();
            }
            Request::Hello { session, .. } => {
                if session != self.session.number() {
                    self.gdb.reset();
                    self.gdb_request = GdbRequest::Gone;
                    self.asks = Ring::EMPTY;
                }
                self.session.open(session, rate, now);
                self.mode = LineMode::Session;
                self.report.greet(session);
            }
            // The line is plain as soon as the host has its acknowledgement.
            Request::Bye => {
                self.leaving = self.mode == LineMode::Session;
                self.session.receive(&Request::Bye, now);
            }
            // What finds no room now is not acknowledged: the host sends it again.
            Request::Stream(channel, payload) if !self.has_room(channel, payload.len()) => {}
            request if self.mode == LineMode::Session => {
                if let Received::Bytes(channel, bytes) = self.session.receive(&request, now) {
                    self.take(channel, bytes, foreground);
                }
            }
            _ => {}
        }
    }

    /// The session has ended; text that the host has not acknowledged goes to `text`.
    fn close(&mut self, text: impl FnMut(&[u8])) {
        self.mode = LineMode::Plain;
        self.events = self.began_with_events;
        self.gdb_request = GdbRequest::Gone;
        self.asks = Ring::EMPTY;
        self.session.close(text);
    }

    fn has_room(&self, channel: Channel, bytes: usize) -> bool {
        match channel {
            Channel::Console => self.input.room() >= bytes,
            Channel::Control => self.asks.room() > bytes,
            // One packet is dealt with before the next is taken.
            Channel::Gdb => self.gdb_request != GdbRequest::Packet,
        }
    }

    fn take(&mut self, channel: Channel, bytes: &[u8], foreground: bool) {
        match channel {
            Channel::Console => {
                self.pressed |= take_keys(&mut self.input, bytes, foreground);
            }
            Channel::Gdb => self.receive_gdb(bytes),
            Channel::Control => {
                // A part is at most 240 bytes.
                self.asks.push(bytes.len() as u8);
                for &byte in bytes {
                    self.asks.push(byte);
                }
            }
        }
    }

    /// Frames of events between the text from boot on, whenever the line is plain.
    pub(super) fn begin(&mut self) {
        self.began_with_events = true;
        self.listen();
    }

    /// Frames of events between the text, from the oldest record on, for a host that listens.
    pub(super) fn listen(&mut self) {
        self.events = true;
        self.report.greet(0);
    }

    /// What gdb wants; each request is returned once.
    pub(super) fn take_gdb_request(&mut self) -> GdbRequest {
        core::mem::replace(&mut self.gdb_request, GdbRequest::Nothing)
    }

    /// True if gdb has sent a packet or Ctrl-C that was not handled yet.
    pub(super) fn wants(&self) -> bool {
        self.gdb_request != GdbRequest::Nothing
    }

    /// Was the key pressed that ends the program in the foreground?
    pub(super) fn take_pressed(&mut self) -> bool {
        core::mem::take(&mut self.pressed)
    }

    /// Takes the key that ends a program, and all before it, out of the input; whether it was
    /// there.
    pub(super) fn take_typed_ahead(&mut self) -> bool {
        let place = self.input.iter().position(|key| key == CTRL_C);
        self.input.consume(place.map_or(0, |place| place + 1));
        place.is_some()
    }

    /// The next question to the agent, copied; it stays until [`Self::ask_answered`].
    pub(super) fn ask(&self, into: &mut [u8; 256]) -> Option<usize> {
        let mut bytes = self.asks.iter();
        let length = usize::from(bytes.next()?);
        into.iter_mut()
            .zip(bytes.take(length))
            .for_each(|(to, from)| *to = from);
        Some(length)
    }

    /// The question that [`Self::ask`] gave is dealt with.
    pub(super) fn ask_answered(&mut self) {
        let length = self.asks.iter().next().map_or(0, usize::from);
        self.asks.consume(1 + length);
    }

    /// gdb went away: the line is plain again, but for its last acknowledgement. What is to be said
    /// of it.
    pub(super) fn detached(&mut self) -> &'static [u8] {
        if self.mode == LineMode::Gdb {
            self.mode = LineMode::Plain;
            self.parting = !self.gdb.is_quiet();
            self.notice_left = 0;
        }
        if core::mem::take(&mut self.ended_by_keys) {
            bystander::ENDED
        } else {
            &[]
        }
    }

    /// The rest of the notice to a person who types while gdb has the line.
    pub(super) fn notice(&self) -> &'static [u8] {
        &bystander::NOTICE[bystander::NOTICE.len() - self.notice_left..]
    }

    /// That many bytes of it went out.
    pub(super) fn notice_sent(&mut self, bytes: usize) {
        self.notice_left -= bytes;
    }

    /// Is there a notice, and no packet that it would break into?
    pub(super) fn may_send_notice(&self) -> bool {
        self.notice_left > 0 && self.gdb.is_at_border()
    }

    /// Time has passed. Text of a session that has ended goes to `text`.
    pub(super) fn tick(&mut self, now: u64, rate: u64, text: impl FnMut(&[u8])) {
        if self.detector.is_holding() && now.saturating_sub(self.detected_at) >= knock_ticks(rate) {
            let keys = self.detector.release();
            take_keys(&mut self.input, keys, false);
        }
        let told = self.leaving && !self.session.owes_word();
        if self.mode == LineMode::Session && (told || self.session.tick(now)) {
            self.leaving = false;
            self.close(text);
        }
    }

    /// When [`Self::tick`] has something to do; `u64::MAX` for never.
    pub(super) fn deadline(&self, rate: u64) -> u64 {
        let knock = if self.detector.is_holding() {
            self.detected_at + knock_ticks(rate)
        } else {
            u64::MAX
        };
        match self.mode {
            LineMode::Session if self.leaving => 0,
            LineMode::Session => knock.min(self.session.deadline()),
            _ => knock,
        }
    }
}

fn knock_ticks(rate: u64) -> u64 {
    DETECTION_MS * rate / 1000
}

/// Keys for programs; with one in the foreground, whether the key that ends it is among them.
fn take_keys(input: &mut Ring<INPUT>, keys: &[u8], foreground: bool) -> bool {
    let mut pressed = false;
    for &key in keys {
        if key == CTRL_C && foreground {
            pressed = true;
        } else {
            input.push(key);
        }
    }
    pressed
}
