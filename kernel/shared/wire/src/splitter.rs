//! Taking a line apart: text and frames, byte by byte, whatever comes.

use crate::frame::{FIRST_KIND, Frame};

/// What a [`Splitter`] made of the bytes it was fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// Bytes that belong to no frame, as they came.
    Text(&'a [u8]),
    /// A frame whose check was right.
    Frame(Frame<'a>),
    /// That many bytes stood where a frame was and are neither it nor text.
    Bad(usize),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside of frames: every byte is text.
    Text,
    /// After a zero: what comes is a frame, or text after a zero too many.
    Frame,
}

/// Splits a line into text and frames. `N` bounds the frames it can receive:
/// [`LARGEST`](crate::LARGEST) for any frame, less on a board that receives only
/// short requests. Longer ones are `Bad`; nothing is ever waited for beyond them.
pub struct Splitter<const N: usize> {
    state: State,
    held: usize,
    raw: [u8; N],
    decoded: [u8; N],
}

impl<const N: usize> Default for Splitter<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Splitter<N> {
    const HOLDS_SOMETHING: () = assert!(N >= 8, "shorter than the shortest frame");

    /// A splitter at the beginning of a line, where text is expected.
    pub const fn new() -> Self {
        let () = Self::HOLDS_SOMETHING;
        Splitter {
            state: State::Text,
            held: 0,
            raw: [0; N],
            decoded: [0; N],
        }
    }

    /// Takes the next byte; answers what became complete with it.
    pub fn feed(&mut self, byte: u8) -> Option<Split<'_>> {
        match (self.state, byte) {
            (State::Text, 0) => {
                self.state = State::Frame;
                None
            }
            (State::Text, _) => {
                self.raw[0] = byte;
                Some(Split::Text(&self.raw[..1]))
            }
            (State::Frame, 0) => self.close(),
            (State::Frame, _) => self.hold(byte),
        }
    }

    /// Whether bytes up to the next zero are text, each by itself: whoever has many of them at hand
    /// need not feed them one by one.
    pub fn is_text(&self) -> bool {
        self.state == State::Text
    }

    /// Has a frame begun that has not ended?
    pub fn is_holding(&self) -> bool {
        self.held > 0
    }

    /// What was held back when the line ended.
    pub fn finish(&mut self) -> Option<Split<'_>> {
        self.state = State::Text;
        let held = core::mem::take(&mut self.held);
        (held > 0).then(|| leftover(&self.raw[..held]))
    }

    fn hold(&mut self, byte: u8) -> Option<Split<'_>> {
        self.raw[self.held] = byte;
        self.held += 1;
        // The second byte of a frame is its kind; below 0x80 there are none. So both are
        // text, whatever they are: control characters too, which are keys to a board.
        if self.held == 2 && byte < FIRST_KIND {
            (self.state, self.held) = (State::Text, 0);
            return Some(Split::Text(&self.raw[..2]));
        }
        if self.held == N { self.finish() } else { None }
    }

    fn close(&mut self) -> Option<Split<'_>> {
        let held = core::mem::take(&mut self.held);
        if held == 0 {
            // Two zeros in a row: the second may still open a frame.
            return None;
        }
        let raw = &self.raw[..held];
        match Frame::decode(raw, &mut self.decoded) {
            Some(frame) => {
                self.state = State::Text;
                Some(Split::Frame(frame))
            }
            // A zero was lost or added: this one may be the next frame's first.
            None => Some(leftover(raw)),
        }
    }
}

/// What bytes are that are no frame: text if they read as text.
fn leftover(raw: &[u8]) -> Split<'_> {
    let is_control = |c: char| c.is_control() && !"\t\n\r\x07\x08\x1b".contains(c);
    match core::str::from_utf8(raw) {
        Ok(text) if !text.contains(is_control) => Split::Text(raw),
        _ => Split::Bad(raw.len()),
    }
}
