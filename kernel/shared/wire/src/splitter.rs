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

/// As a kernel's console begins is zero, so that a static one lies in BSS and not in the Image.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum State {
    /// Perhaps in the middle of a frame: what comes is its rest until a zero or a pause tells.
    Joining = 0,
    /// Outside of frames: every byte is text.
    Text = 1,
    /// After a zero: what comes is a frame, or text after a zero too many.
    Frame = 2,
}

/// Bytes of nothing but typed text after which a line that is joined is in no frame: more than
/// the rest of any hello.
const TYPED: usize = 256;

/// Splits a line into text and frames. `N` bounds the frames it can receive:
/// [`LARGEST`](crate::LARGEST) for any frame, less on a board that receives only
/// short requests. Longer ones are `Bad`; nothing is ever waited for beyond them.
pub struct Splitter<const N: usize> {
    state: State,
    /// The byte before those that are held was a zero.
    after_zero: bool,
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
            after_zero: false,
            held: 0,
            raw: [0; N],
            decoded: [0; N],
        }
    }

    /// A splitter that is put on a line which others have spoken on, as a console at boot: the
    /// first bytes may be the rest of a frame that firmware took the beginning of.
    ///
    /// Bytes are held until a zero comes, which ends a frame, or a pause ([`Self::rest`]), which
    /// no frame has: what came before a pause was typed. Whole frames are heard meanwhile.
    pub const fn joining() -> Self {
        let mut splitter = Self::new();
        splitter.state = State::Joining;
        splitter
    }

    /// Nothing came for longer than any pause within a frame: what comes next begins something. Changes
    /// nothing while bytes are held.
    pub fn join_quiet_line(&mut self) {
        if self.state == State::Joining && self.held == 0 {
            (self.state, self.after_zero) = (State::Text, false);
        }
    }

    /// Is it not known yet whether the line is in the middle of a frame?
    pub fn is_joining(&self) -> bool {
        self.state == State::Joining
    }

    /// Takes the next byte; answers what became complete with it.
    pub fn feed(&mut self, byte: u8) -> Option<Split<'_>> {
        match (self.state, byte) {
            (State::Text, 0) => {
                (self.state, self.after_zero) = (State::Frame, true);
                None
            }
            (State::Text, _) => {
                self.raw[0] = byte;
                Some(Split::Text(&self.raw[..1]))
            }
            (State::Frame | State::Joining, 0) => self.close(),
            (State::Frame | State::Joining, _) => self.hold(byte),
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

    /// Nothing came for longer than a sender of frames rests within one: what was held back is
    /// text if it reads as text. Of a frame that was cut off nothing is, but for a whole line that
    /// was typed after it; what comes next may be the frame's rest.
    pub fn rest(&mut self) -> Option<Split<'_>> {
        let held = core::mem::take(&mut self.held);
        if held == 0 {
            return None;
        }
        let raw = &self.raw[..held];
        // Control characters are keys, and a frame's kind begins none of UTF-8's characters. Before
        // the kind stands one byte, which often is a control character.
        let is_head = self.after_zero && held == 1 && raw[0].is_ascii_control();
        let from = match core::str::from_utf8(raw) {
            Ok(_) if !is_head => 0,
            _ => held - typed_line(raw).len(),
        };
        self.after_zero = false;
        if from == held {
            self.state = State::Joining;
            return Some(Split::Bad(held));
        }
        self.state = State::Text;
        Some(Split::Text(&raw[from..]))
    }

    fn hold(&mut self, byte: u8) -> Option<Split<'_>> {
        self.raw[self.held] = byte;
        self.held += 1;
        if self.state == State::Joining {
            let is_typing = self.held == TYPED && self.raw[..TYPED].iter().all(is_typed);
            return if is_typing || self.held == N {
                self.rest()
            } else {
                None
            };
        }
        // The second byte of a frame is its kind; below 0x80 there are none. So both are
        // text, whatever they are: control characters too, which are keys to a board.
        if self.held == 2 && byte < FIRST_KIND {
            (self.state, self.held) = (State::Text, 0);
            return Some(Split::Text(&self.raw[..2]));
        }
        if self.held == N { self.finish() } else { None }
    }

    fn close(&mut self) -> Option<Split<'_>> {
        self.after_zero = true;
        let held = core::mem::take(&mut self.held);
        if held == 0 {
            // Two zeros in a row: the second may still open a frame.
            return None;
        }
        let raw = &self.raw[..held];
        let is_joining = self.state == State::Joining;
        match Frame::decode(raw, &mut self.decoded) {
            Some(frame) => {
                // What follows a frame may still be the rest of one that was cut.
                self.state = if is_joining {
                    State::Joining
                } else {
                    State::Text
                };
                Some(Split::Frame(frame))
            }
            // A line that was typed, and a frame after it; or the rest of a frame.
            None if is_joining => Some(match typed_line(raw).len() == held {
                true => Split::Text(raw),
                false => Split::Bad(held),
            }),
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

/// True for what a keyboard sends in lines of text; other control characters are left out.
fn is_typed(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x08 | 0x7f)
}

/// The typed text that `raw` ends with, if it is a whole line; else nothing. Fewer than three bytes,
/// two letters and Enter, may as well be the last of a frame that was cut.
fn typed_line(raw: &[u8]) -> &[u8] {
    let from = raw.iter().rposition(|byte| !is_typed(byte));
    let line = &raw[from.map_or(0, |at| at + 1)..];
    match line {
        [_, _, .., b'\r' | b'\n'] => line,
        _ => &[],
    }
}
