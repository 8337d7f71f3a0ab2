//! Splits a line into text and frames, byte by byte, for any input.
//!
//! ```text
//!                  zero                          zero: a frame, or Bad
//!   Text ─────────────────────► Frame ───────────────────────────────────► Text
//!    ▲                            └── a second byte below 0x80: both are text ──► Text
//!    │ a pause after text, or 256 typed bytes
//!   Joining (at boot, and after half a frame): bytes are held; a zero ends the rest of a frame
//! ```

use crate::frame::{FIRST_KIND, Frame};

/// A piece of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split<'a> {
    /// Bytes outside of frames, unchanged.
    Text(&'a [u8]),
    /// A frame with a correct checksum.
    Frame(Frame<'a>),
    /// Number of bytes that are neither a valid frame nor text.
    Bad(usize),
}

/// The initial state of a console is all zeros, so that a static one is in BSS and not in the Image.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum SplitterState {
    /// Possibly inside a frame: bytes belong to its rest until a zero or a pause.
    Joining = 0,
    /// Outside of frames: every byte is text.
    Text = 1,
    /// After a zero: a frame, or text after a surplus zero.
    Frame = 2,
}

/// Number of typed text bytes after which a joined line is outside of a frame: more than the rest of any
/// hello.
const TYPED: usize = 256;

/// Splits a line into text and frames. `N` bounds the frames it can receive: [`LARGEST`](crate::LARGEST) for
/// any frame, less on a board that receives only short requests. Longer frames are `Bad`.
pub struct Splitter<const N: usize> {
    state: SplitterState,
    /// Whether the byte before the held ones was a zero.
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

    /// A splitter at the start of a line, where text is expected.
    pub const fn new() -> Self {
        let () = Self::HOLDS_SOMETHING;
        Splitter {
            state: SplitterState::Text,
            after_zero: false,
            held: 0,
            raw: [0; N],
            decoded: [0; N],
        }
    }

    /// A splitter for a line that was in use before, such as a console at boot: the first bytes may be the
    /// rest of a frame whose start the firmware consumed.
    ///
    /// Bytes are held until a zero, which ends a frame, or a pause ([`Self::rest`]), which no frame contains:
    /// bytes before a pause were typed. Complete frames are received in the meantime.
    pub const fn joining() -> Self {
        let mut splitter = Self::new();
        splitter.state = SplitterState::Joining;
        splitter
    }

    /// Call after a pause longer than any within a frame: the next byte starts something new. No effect while
    /// bytes are held.
    pub fn join_quiet_line(&mut self) {
        if self.state == SplitterState::Joining && self.held == 0 {
            (self.state, self.after_zero) = (SplitterState::Text, false);
        }
    }

    /// Whether it is still unknown if the line is inside a frame.
    pub fn is_joining(&self) -> bool {
        self.state == SplitterState::Joining
    }

    /// Adds a byte; returns the piece that it completes.
    pub fn feed(&mut self, byte: u8) -> Option<Split<'_>> {
        match (self.state, byte) {
            (SplitterState::Text, 0) => {
                (self.state, self.after_zero) = (SplitterState::Frame, true);
                None
            }
            (SplitterState::Text, _) => {
                self.raw[0] = byte;
                Some(Split::Text(&self.raw[..1]))
            }
            (SplitterState::Frame | SplitterState::Joining, 0) => self.close(),
            (SplitterState::Frame | SplitterState::Joining, _) => self.hold(byte),
        }
    }

    /// Whether bytes up to the next zero are text, so that a caller with a buffer can skip `feed`.
    pub fn is_text(&self) -> bool {
        self.state == SplitterState::Text
    }

    /// Whether a frame has started and not ended.
    pub fn is_holding(&self) -> bool {
        self.held > 0
    }

    /// The held bytes at the end of the line.
    pub fn finish(&mut self) -> Option<Split<'_>> {
        self.state = SplitterState::Text;
        let held = core::mem::take(&mut self.held);
        (held > 0).then(|| leftover(&self.raw[..held]))
    }

    /// Call after a pause longer than any within a frame: held bytes are returned as text if they are text. A
    /// truncated frame is dropped, except for a whole line typed after it; the next bytes may be the rest of
    /// the frame.
    pub fn rest(&mut self) -> Option<Split<'_>> {
        let held = core::mem::take(&mut self.held);
        if held == 0 {
            return None;
        }
        let raw = &self.raw[..held];
        // Control characters are keys, and no UTF-8 character starts with a frame kind. One byte precedes the
        // kind, which often is a control character.
        let is_head = self.after_zero && held == 1 && raw[0].is_ascii_control();
        let from = match core::str::from_utf8(raw) {
            Ok(_) if !is_head => 0,
            _ => held - typed_line(raw).len(),
        };
        self.after_zero = false;
        if from == held {
            self.state = SplitterState::Joining;
            return Some(Split::Bad(held));
        }
        self.state = SplitterState::Text;
        Some(Split::Text(&raw[from..]))
    }

    fn hold(&mut self, byte: u8) -> Option<Split<'_>> {
        self.raw[self.held] = byte;
        self.held += 1;
        if self.state == SplitterState::Joining {
            let is_typing = self.held == TYPED && self.raw[..TYPED].iter().all(is_typed);
            return if is_typing || self.held == N {
                self.rest()
            } else {
                None
            };
        }
        // The second byte of a frame is its kind, at least 0x80. So both bytes are text, control characters
        // included, which are keys for a board.
        if self.held == 2 && byte < FIRST_KIND {
            (self.state, self.held) = (SplitterState::Text, 0);
            return Some(Split::Text(&self.raw[..2]));
        }
        if self.held == N { self.finish() } else { None }
    }

    fn close(&mut self) -> Option<Split<'_>> {
        self.after_zero = true;
        let held = core::mem::take(&mut self.held);
        if held == 0 {
            // Two consecutive zeros: the second may start a frame.
            return None;
        }
        let raw = &self.raw[..held];
        let is_joining = self.state == SplitterState::Joining;
        match Frame::decode(raw, &mut self.decoded) {
            Some(frame) => {
                // Bytes after a frame may still be the rest of a truncated one.
                self.state = if is_joining {
                    SplitterState::Joining
                } else {
                    SplitterState::Text
                };
                Some(Split::Frame(frame))
            }
            // A typed line followed by a frame, or the rest of a frame.
            None if is_joining => Some(match typed_line(raw).len() == held {
                true => Split::Text(raw),
                false => Split::Bad(held),
            }),
            // A zero was lost or added: this one may start the next frame.
            None => Some(leftover(raw)),
        }
    }
}

/// Classifies bytes that are not a frame: text, or `Bad`.
fn leftover(raw: &[u8]) -> Split<'_> {
    let is_control = |c: char| c.is_control() && !"\t\n\r\x07\x08\x1b".contains(c);
    match core::str::from_utf8(raw) {
        Ok(text) if !text.contains(is_control) => Split::Text(raw),
        _ => Split::Bad(raw.len()),
    }
}

/// Whether a keyboard sends this byte in a line of text; other control characters are excluded.
fn is_typed(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r' | 0x08 | 0x7f)
}

/// The typed text at the end of `raw`, if it is a whole line; otherwise empty. Fewer than three bytes, two
/// letters and Enter, may be the end of a truncated frame.
fn typed_line(raw: &[u8]) -> &[u8] {
    let from = raw.iter().rposition(|byte| !is_typed(byte));
    let line = &raw[from.map_or(0, |at| at + 1)..];
    match line {
        [_, _, .., b'\r' | b'\n'] => line,
        _ => &[],
    }
}
