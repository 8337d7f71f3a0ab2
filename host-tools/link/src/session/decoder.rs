//! Decodes the bytes of a line, live or recorded.
//!
//! A recording is a transport like any other. Frames, text between them, logs of other kernels and noise go
//! in, [`LineEvent`]s come out, in order.

use abi::Sighting;
use wire::{Channel, Event, Frame, Inbox, Split, Splitter};

use crate::text::{CrashReport, LineUse, LogFinding, LogReader};

/// Longer lines of text are split; no log line is that long.
const LONGEST_LINE: usize = 16 << 10;

/// One item on the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineEvent {
    /// A Pagewalk board started to send frames.
    Welcome {
        /// Its protocol version.
        version: u32,
        /// Frequency of its clock in hertz.
        ticks_per_second: u64,
        /// Its register width in bits.
        xlen: u32,
        /// Its name, as in its board file.
        board: String,
    },
    /// A fault record.
    Fault(Sighting),
    /// A kernel crashed and printed the registers of its last trap. Its lines are also reported as text.
    Crash(CrashReport),
    /// Records that the board overwrote before it could send them.
    Lost {
        /// Number of records.
        count: u64,
    },
    /// Frames that were lost, from the gap in their numbers.
    Missed {
        /// Number of frames.
        frames: u16,
    },
    /// A line of text that is not a fault, without its newline.
    Text(String),
    /// A frame of a kind that this version does not know.
    Unknown {
        /// Kind byte of the frame.
        kind: u8,
        /// Payload of the frame.
        payload: Vec<u8>,
    },
    /// A frame with a correct checksum and a malformed payload.
    Malformed {
        /// Kind byte of the frame.
        kind: u8,
        /// Length of its payload in bytes.
        len: usize,
    },
    /// Bytes in place of a frame that are neither a frame nor text.
    Bad {
        /// Number of bytes.
        bytes: usize,
    },
}

/// Decodes one line. Accepts input in pieces of any size.
pub struct Decoder {
    splitter: Splitter<{ wire::LARGEST }>,
    text: TextState,
    frames: FrameState,
}

/// State needed to decode the next frame.
struct FrameState {
    next_frame: Option<u16>,
    ticks_per_second: Option<u64>,
    /// The session of the streams, and its next expected frame.
    session: u32,
    inbox: Inbox,
}

impl Decoder {
    /// A decoder at the start of a line. `ticks_per_second` is the clock's frequency until a welcome states
    /// it.
    pub fn new(ticks_per_second: Option<u64>) -> Self {
        Decoder {
            splitter: Splitter::new(),
            text: TextState::default(),
            frames: FrameState {
                next_frame: None,
                ticks_per_second,
                session: 0,
                inbox: Inbox::EMPTY,
            },
        }
    }

    /// Decodes the next bytes and emits their events.
    pub fn receive(&mut self, bytes: &[u8], emit: &mut dyn FnMut(LineEvent)) {
        let mut rest = bytes;
        while let Some((byte, behind)) = rest.split_first() {
            if self.splitter.is_text() {
                let text = memchr::memchr(0, rest).unwrap_or(rest.len());
                self.text.take(&rest[..text], emit);
                rest = &rest[text..];
                if text > 0 {
                    continue;
                }
            }
            rest = behind;
            if let Some(split) = self.splitter.feed(*byte) {
                take(&mut self.text, &mut self.frames, split, emit);
            }
        }
    }

    /// Emits what was held back, at the end of the line.
    pub fn finish(mut self, emit: &mut dyn FnMut(LineEvent)) {
        if let Some(split) = self.splitter.finish() {
            take(&mut self.text, &mut self.frames, split, emit);
        }
        self.text.finish(emit);
    }
}

/// Not a method: a split borrows the splitter.
fn take(
    text: &mut TextState,
    frames: &mut FrameState,
    split: Split<'_>,
    emit: &mut dyn FnMut(LineEvent),
) {
    match split {
        Split::Text(bytes) => text.take(bytes, emit),
        Split::Frame(frame) => {
            if let Some(bytes) = frames.emit_frame(&frame, emit) {
                text.take(bytes, emit);
            }
        }
        Split::Bad(bytes) => emit(LineEvent::Bad { bytes }),
    }
}

/// Text cut into lines, and state across lines.
#[derive(Default)]
struct TextState {
    line: Vec<u8>,
    log: LogReader,
}

impl TextState {
    fn take(&mut self, bytes: &[u8], emit: &mut dyn FnMut(LineEvent)) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest);
            let (mut text, behind) = match end {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None => (rest, &[][..]),
            };
            rest = behind;
            // Most lines are whole in what is received: they are read where they lie.
            if end.is_some() && self.line.is_empty() && text.len() <= LONGEST_LINE {
                read_line(&mut self.log, text, emit);
                continue;
            }
            while self.line.len() + text.len() > LONGEST_LINE {
                let (part, left) = text.split_at(LONGEST_LINE - self.line.len());
                self.line.extend(part);
                text = left;
                self.end_line(emit);
            }
            self.line.extend(text);
            if end.is_some() {
                self.end_line(emit);
            }
        }
    }

    fn end_line(&mut self, emit: &mut dyn FnMut(LineEvent)) {
        read_line(&mut self.log, &self.line, emit);
        self.line.clear();
    }

    fn finish(&mut self, emit: &mut dyn FnMut(LineEvent)) {
        if !self.line.is_empty() {
            self.end_line(emit);
        }
        self.log
            .finish(&mut |finding| emit(LineEvent::from(finding)));
    }
}

fn read_line(log: &mut LogReader, line: &[u8], emit: &mut dyn FnMut(LineEvent)) {
    let line_use = log.line(line, &mut |finding| emit(LineEvent::from(finding)));
    if line_use == LineUse::Text {
        let line = String::from_utf8_lossy(line);
        emit(LineEvent::Text(line.trim_end_matches('\r').to_owned()));
    }
}

impl From<LogFinding> for LineEvent {
    fn from(finding: LogFinding) -> LineEvent {
        match finding {
            LogFinding::Fault(sighting) => LineEvent::Fault(sighting),
            LogFinding::Crash(report) => LineEvent::Crash(report),
        }
    }
}

impl FrameState {
    /// Emits the event of a frame; returns the console text that it carries.
    fn emit_frame<'a>(
        &mut self,
        frame: &Frame<'a>,
        emit: &mut dyn FnMut(LineEvent),
    ) -> Option<&'a [u8]> {
        let event = Event::decode(frame);
        // A welcome with number 0 comes from a board that has just booted.
        let is_restart = frame.sequence == 0 && matches!(event, Ok(Event::Welcome(_)));
        let missed = self
            .next_frame
            .map_or(0, |next| frame.sequence.wrapping_sub(next));
        if missed > 0 && !is_restart {
            emit(LineEvent::Missed { frames: missed });
        }
        self.next_frame = Some(frame.sequence.wrapping_add(1));
        let (kind, len) = (frame.kind, frame.payload.len());
        match event {
            Ok(Event::Welcome(welcome)) => {
                self.ticks_per_second = Some(welcome.ticks_per_second).filter(|rate| *rate > 0);
                if welcome.session != self.session {
                    (self.session, self.inbox) = (welcome.session, Inbox::EMPTY);
                }
                emit(LineEvent::Welcome {
                    version: welcome.version,
                    ticks_per_second: welcome.ticks_per_second,
                    xlen: welcome.xlen,
                    board: welcome.board.to_owned(),
                });
            }
            Ok(Event::Faults(batch)) => {
                for (seq, fault) in batch {
                    let time_us = self.ticks_per_second.map(|rate| micros(fault.time, rate));
                    emit(LineEvent::Fault(Sighting {
                        seq: Some(seq),
                        time_us,
                        fault,
                    }));
                }
            }
            Ok(Event::Lost { count }) => emit(LineEvent::Lost { count }),
            // Retransmitted frames are emitted once.
            Ok(Event::Stream(channel, payload)) => {
                let bytes = self.inbox.take(payload);
                return bytes.filter(|_| channel == Channel::Console);
            }
            Ok(Event::Heard { .. }) => {}
            Ok(Event::Unknown { kind, .. }) => emit(LineEvent::Unknown {
                kind,
                payload: frame.payload.to_vec(),
            }),
            Err(wire::Malformed) => emit(LineEvent::Malformed { kind, len }),
        }
        None
    }
}

/// Converts ticks to microseconds, rounded down as in the board's own text lines.
pub fn micros(ticks: u64, ticks_per_second: u64) -> u64 {
    let micros = u128::from(ticks) * 1_000_000 / u128::from(ticks_per_second);
    u64::try_from(micros).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use abi::Fault;
    use wire::{BatchWriter, Request, Welcome};

    use super::*;

    fn heard(bytes: &[u8]) -> Vec<LineEvent> {
        let mut said = Vec::new();
        let mut listener = Decoder::new(None);
        listener.receive(bytes, &mut |s| said.push(s));
        listener.finish(&mut |s| said.push(s));
        said
    }

    fn frames(make: impl FnOnce(&mut dyn FnMut(&mut dyn FnMut(&mut [u8]) -> usize))) -> Vec<u8> {
        let mut line = Vec::new();
        make(&mut |encode| {
            let mut out = [0; wire::LARGEST];
            let length = encode(&mut out);
            line.extend(&out[..length]);
        });
        line
    }

    #[test]
    fn a_frame_inside_a_line_of_text_does_not_break_the_line() {
        let hello = frames(|put| put(&mut |out| Request::encode_hello(1, 0, out).unwrap()));
        let line = [&b"Starting ker"[..], &hello, b"nel ...\r\nnext"].concat();
        assert_eq!(
            heard(&line),
            [
                LineEvent::Unknown {
                    kind: 0xc0,
                    payload: vec![1]
                },
                LineEvent::Text("Starting kernel ...".into()),
                LineEvent::Text("next".into()),
            ]
        );
    }

    #[test]
    fn a_crash_that_takes_several_lines_is_one_event_and_its_lines_stay_text() {
        let line =
            b"pagewalk: kernel fault\r\n  scause 0000000f sepc 80000000\r\n  sp 00000004\r\nok\n";
        let said = heard(line);
        let crashes = said.iter().filter_map(|event| match event {
            LineEvent::Crash(report) => Some(report.register("sp")),
            _ => None,
        });
        assert_eq!(crashes.collect::<Vec<_>>(), [Some(4)]);
        let is_text = |event: &&LineEvent| matches!(event, LineEvent::Text(_));
        assert_eq!(said.iter().filter(is_text).count(), 4);
        // The end of the line completes it, too.
        assert!(matches!(heard(&line[..57])[..], [.., LineEvent::Crash(_)]));
    }

    #[test]
    fn an_event_of_a_newer_target_is_kept_with_its_bytes() {
        let frame = wire::Frame {
            kind: 0xb3,
            sequence: 0,
            payload: b"what comes next year",
        };
        let line = frames(|put| put(&mut |out| frame.encode(out).unwrap()));
        assert_eq!(
            heard(&line),
            [LineEvent::Unknown {
                kind: 0xb3,
                payload: frame.payload.to_vec()
            }]
        );
    }

    #[test]
    fn times_follow_the_rate_of_the_welcome() {
        let line = frames(|put| {
            let welcome = Welcome {
                version: 1,
                ticks_per_second: 3_000_000,
                xlen: 64,
                board: "ox64",
                session: 0,
            };
            put(&mut |out| welcome.encode(0, out).unwrap());
            let mut batch = BatchWriter::<240>::new(41);
            assert!(batch.push(&Fault {
                time: 7,
                ..Fault::EMPTY
            }));
            put(&mut |out| batch.encode(1, out).unwrap());
            put(&mut |out| Event::encode_lost(5, 4, out).unwrap());
        });
        let said = heard(&line);
        let LineEvent::Fault(Sighting {
            seq: Some(41),
            time_us: Some(2),
            ..
        }) = said[1]
        else {
            panic!("{said:?}")
        };
        assert_eq!(
            said[2..],
            [
                LineEvent::Missed { frames: 2 },
                LineEvent::Lost { count: 5 }
            ]
        );
    }
}
