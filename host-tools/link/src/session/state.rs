//! A session with a board, without I/O: received bytes go in, bytes to send come out.

use std::time::{Duration, Instant};

use wire::{Channel, Event, Frame, Request, Splitter};

use super::altered::{Damage, Watch};
use super::calling::Calling;
use super::streams::StreamEnd;

/// Interval at which an unanswered hello is repeated.
const HELLO_AGAIN: Duration = Duration::from_millis(250);
/// Time after which unacknowledged frames are retransmitted.
const SEND_AGAIN: Duration = Duration::from_millis(250);
/// Interval of keep-alive frames.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// After this silence the board is considered gone or rebooted.
const SILENCE: Duration = Duration::from_secs(4);

/// The board that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its protocol version.
    pub version: u32,
    /// Its name, as in its board file.
    pub board: String,
    /// Frequency of its clock in hertz.
    pub ticks_per_second: u64,
    /// Its register width in bits.
    pub xlen: u32,
}

/// An event of a session.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent<'a> {
    /// The board answered: streams start from their beginning.
    Opened(Peer),
    /// The board stopped answering; it is called again.
    Lost,
    /// The board acknowledged the end of the session.
    Parted,
    /// The next bytes of a stream.
    Bytes(Channel, &'a [u8]),
    /// Text outside of frames: firmware, a boot loader, a board that has not answered yet.
    Text(&'a [u8]),
    /// An event frame: faults, lost records, or a kind of a newer target, which is passed on unchanged.
    Event {
        /// Kind byte of the frame.
        kind: u8,
        /// Payload of the frame.
        payload: &'a [u8],
    },
}

/// Whether only a target sends frames of this kind (docs/wire.md): 0x80 to 0xbf.
pub(super) fn is_from_target(kind: u8) -> bool {
    matches!(kind, 0x80..=0xbf)
}

/// The host's end of a session.
pub struct Session {
    splitter: Splitter<{ wire::LARGEST }>,
    watch: Watch,
    calling: Calling,
    streams: SessionStreams,
}

/// Everything except the splitter, from which frames are borrowed.
struct SessionStreams {
    session: u32,
    open: bool,
    end: StreamEnd,
    parting: bool,
    /// The board rebooted during the session, or another board is connected.
    is_rebooted: bool,
    said_at: Option<Instant>,
    heard_at: Instant,
    moved_at: Instant,
}

impl Session {
    /// A session that is not open yet. `seed` makes its number differ from earlier sessions.
    pub fn new(seed: u32, now: Instant) -> Self {
        Session {
            splitter: Splitter::new(),
            watch: Watch::default(),
            calling: Calling::default(),
            streams: SessionStreams {
                session: untypeable(seed),
                open: false,
                is_rebooted: false,
                end: StreamEnd::default(),
                parting: false,
                said_at: None,
                heard_at: now,
                moved_at: now,
            },
        }
    }

    /// Whether the board has answered.
    pub fn is_open(&self) -> bool {
        self.streams.open
    }

    /// Whether everything that was sent is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.streams.end.is_settled()
    }

    /// Decodes received bytes and emits their events.
    pub fn receive(&mut self, bytes: &[u8], now: Instant, emit: &mut dyn FnMut(SessionEvent<'_>)) {
        for &byte in bytes {
            match self.splitter.feed(byte) {
                Some(wire::Split::Text(text)) => {
                    // In a session everything is in frames: plain text means that the board rebooted.
                    self.streams.is_rebooted |= self.calling.hear(text, now) && self.streams.open;
                    emit(SessionEvent::Text(text));
                }
                Some(wire::Split::Frame(frame)) => {
                    self.watch.good();
                    self.streams.frame(&frame, now, emit);
                    if self.streams.open {
                        self.calling.answered();
                    }
                }
                Some(wire::Split::Bad(_)) => self.watch.bad(),
                None => {}
            }
            self.watch.byte(byte);
        }
    }

    /// Damage to frames since [`Session::begin_watch`].
    pub fn damage(&self) -> Damage {
        self.watch.damage()
    }

    /// Restarts the counts of frames.
    pub fn begin_watch(&mut self) {
        self.watch.begin();
    }

    /// Queues bytes on a channel. A question is one piece of at most [`CHUNK`](wire::reliable::CHUNK) bytes;
    /// on other channels the boundaries have no meaning.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        self.streams.end.send(channel, bytes);
    }

    /// Appends what has to be sent now to `out`; returns whether the board was just lost.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let may_call = !self.calling.is_held_back(now);
        self.streams.poll(now, may_call, out)
    }

    /// The peer has changed: restarts the session at once, without waiting for silence.
    pub fn peer_changed(&mut self) {
        self.streams.is_rebooted |= self.streams.open;
    }

    /// Longest time until the next poll.
    pub fn next_poll(&self) -> Duration {
        HELLO_AGAIN.min(SEND_AGAIN) / 2
    }

    /// Ends the session: the board's line becomes plain.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.streams.end.put(out, Request::encode_bye);
        (self.streams.open, self.streams.parting) = (false, true);
    }
}

impl SessionStreams {
    fn frame(&mut self, frame: &Frame<'_>, now: Instant, emit: &mut dyn FnMut(SessionEvent<'_>)) {
        let Ok(event) = Event::decode(frame) else {
            return;
        };
        match event {
            Event::Welcome(welcome) if welcome.session == self.session => {
                self.heard_at = now;
                if !self.open {
                    self.open = true;
                    self.moved_at = now;
                    emit(SessionEvent::Opened(Peer {
                        version: welcome.version,
                        board: welcome.board.to_owned(),
                        ticks_per_second: welcome.ticks_per_second,
                        xlen: welcome.xlen,
                    }));
                }
            }
            Event::Heard { is_last: true, .. } if self.parting => emit(SessionEvent::Parted),
            // A frame of an earlier session.
            _ if !self.open => {}
            Event::Stream(channel, payload) => {
                self.heard_at = now;
                if let Some(bytes) = self.end.receive(payload) {
                    emit(SessionEvent::Bytes(channel, bytes));
                }
            }
            Event::Heard { next, .. } => {
                self.heard_at = now;
                if self.end.acknowledged(next) {
                    self.moved_at = now;
                }
            }
            Event::Welcome(_) => {}
            // An echo of this host's own frames is not an event.
            Event::Unknown { kind, .. } if !is_from_target(kind) => {}
            Event::Faults(_) | Event::Lost { .. } | Event::Unknown { .. } => {
                self.heard_at = now;
                emit(SessionEvent::Event {
                    kind: frame.kind,
                    payload: frame.payload,
                });
            }
        }
    }

    fn poll(&mut self, now: Instant, may_call: bool, out: &mut Vec<u8>) -> bool {
        if std::mem::take(&mut self.is_rebooted) && self.open {
            self.lose(now);
            return true;
        }
        let since_said = self.said_at.map(|at| now.saturating_duration_since(at));
        if !self.open {
            if may_call && since_said.is_none_or(|since| since >= HELLO_AGAIN) {
                self.end.begin(out, |out| hello(self.session, out));
                self.said_at = Some(now);
            }
            return false;
        }
        if now.saturating_duration_since(self.heard_at) >= SILENCE {
            self.lose(now);
            return true;
        }
        if self.end.fill_window(Channel::from_host) {
            self.moved_at = now;
        }
        let is_overdue = now.saturating_duration_since(self.moved_at) >= SEND_AGAIN;
        if !self.end.has_no_unacknowledged() && is_overdue {
            self.end.rewind();
            self.moved_at = now;
        }
        let before = out.len();
        self.end.write(out, Request::encode_heard);
        if out.len() == before && since_said.is_none_or(|since| since >= ALIVE_EVERY) {
            self.end.put(out, Request::encode_alive);
        }
        if out.len() > before {
            self.said_at = Some(now);
        }
        false
    }

    /// Restarts the session with another number.
    fn lose(&mut self, now: Instant) {
        self.open = false;
        self.session = untypeable(self.session.wrapping_add(1));
        self.end.restart();
        (self.said_at, self.heard_at) = (None, now);
    }
}

/// The hello of a session; its frame number is 0, as of any first frame.
fn hello(session: u32, out: &mut [u8]) -> Result<usize, wire::frame::NoRoom> {
    Request::encode_session(wire::VERSION, session, 0, out)
}

/// The next session number from `seed` whose hello contains no byte that is a key. A hello sent too early may
/// reach the board in part, and the rest must have no effect in a shell or a boot loader.
fn untypeable(seed: u32) -> u32 {
    let is_quiet = |session: &u32| {
        let mut room = [0; wire::LARGEST];
        let used = hello(*session, &mut room).unwrap_or(0);
        *session != 0 && !room[..used].iter().any(is_key)
    };
    // About one number in ten qualifies; a step of 2^24 + 1 reaches every number, and every last byte.
    let mut numbers = (0..).map(|n: u32| seed.wrapping_add(n.wrapping_mul(0x0100_0001)));
    numbers.find(is_quiet).unwrap_or(1)
}

/// Whether a shell or line editor acts on the byte: printable characters, line ends, editing keys,
/// interrupts, flow control.
fn is_key(byte: &u8) -> bool {
    matches!(byte, 0x03 | 0x04 | 0x08..=0x0a | 0x0d | 0x11 | 0x13 | 0x15 | 0x1a..=0x1c | b' '..=0x7f)
}

#[cfg(test)]
mod tests {
    use wire::Welcome;

    use super::*;

    /// The kinds of the frames in `bytes`.
    fn kinds(bytes: &[u8]) -> Vec<u8> {
        let mut splitter = Splitter::<{ wire::LARGEST }>::new();
        let mut kinds = Vec::new();
        for &byte in bytes {
            if let Some(wire::Split::Frame(frame)) = splitter.feed(byte) {
                kinds.push(frame.kind);
            }
        }
        kinds
    }

    fn welcome(session: u32) -> Vec<u8> {
        let mut out = vec![0; 256];
        let welcome = Welcome {
            version: 2,
            ticks_per_second: 10_000_000,
            xlen: 64,
            board: "qemu-virt",
            session,
        };
        let used = welcome.encode(0, &mut out).unwrap();
        out.truncate(used);
        out
    }

    fn board_says(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0; 1200];
        let frame = Frame {
            kind,
            sequence: 3,
            payload,
        };
        let used = frame.encode(&mut out).unwrap();
        out.truncate(used);
        out
    }

    #[test]
    fn no_byte_of_a_hello_is_a_key() {
        let now = Instant::now();
        let mut numbers = std::collections::BTreeSet::new();
        for seed in (0..500_u32).map(|n| n.wrapping_mul(0x9e37_79b9)) {
            let mut host = Session::new(seed, now);
            let mut out = Vec::new();
            host.poll(now, &mut out);
            host.poll(now + HELLO_AGAIN, &mut out);
            // Also after a session was lost.
            host.streams.lose(now);
            host.poll(now, &mut out);
            assert_eq!(kinds(&out), [0xc0; 3]);
            let keys: Vec<&u8> = out.iter().filter(|byte| is_key(byte)).collect();
            assert!(keys.is_empty(), "{keys:02x?} of {out:02x?}");
            numbers.insert(host.streams.session);
        }
        assert!(numbers.len() > 450, "{} of 500 seeds", numbers.len());
    }

    #[test]
    fn a_boot_is_told_nothing_and_its_kernel_is_called_at_once() {
        let now = Instant::now();
        let mut host = Session::new(1, now);
        let mut out = Vec::new();
        host.receive(b"\r\nOpenSBI v1.1\r\n", now, &mut |_| {});
        host.send(Channel::Console, b"ps\r");
        host.poll(now, &mut out);
        host.receive(b"Hit any key to stop autoboot:  2 ", now, &mut |_| {});
        host.poll(now + HELLO_AGAIN, &mut out);
        assert_eq!(out, b"", "a boot loader would stop");
        host.receive(b"\r\nPagewalk 0", now + HELLO_AGAIN, &mut |_| {});
        host.poll(now + HELLO_AGAIN, &mut out);
        assert_eq!(kinds(&out), [0xc0]);
        let welcome = welcome(host.streams.session);
        host.receive(&welcome, now + HELLO_AGAIN, &mut |_| {});
        host.poll(now + HELLO_AGAIN, &mut out);
        assert_eq!(kinds(&out), [0xc0, 0xc1], "what was typed meanwhile");
    }

    #[test]
    fn a_board_that_boots_in_a_session_is_lost_at_once() {
        let now = Instant::now();
        let mut host = Session::new(1, now);
        // It was called without a greeting, and answers.
        host.receive(b"OpenSBI v1.1\r\n", now, &mut |_| {});
        host.receive(&welcome(host.streams.session), now, &mut |_| {});
        let (mut out, before) = (Vec::new(), host.streams.session);
        host.receive(b"\r\nOpenSBI v1.1\r\n", now, &mut |_| {});
        assert!(host.poll(now, &mut out), "lost");
        assert!(!host.poll(now + HELLO_AGAIN, &mut out));
        assert_eq!(out, b"");
        assert_ne!(host.streams.session, before);
    }

    #[test]
    fn a_hello_is_repeated_until_its_own_welcome_comes() {
        let now = Instant::now();
        let mut host = Session::new(77, now);
        let mut out = Vec::new();
        host.poll(now, &mut out);
        host.poll(now, &mut out);
        assert_eq!(kinds(&out), [0xc0]);
        host.poll(now + HELLO_AGAIN, &mut out);
        assert_eq!(kinds(&out), [0xc0, 0xc0]);
        let (mut heard, mine) = (0, host.streams.session);
        host.receive(&welcome(mine - 1), now, &mut |_| heard += 1);
        assert!(heard == 0 && !host.is_open(), "another session's");
        let both = [welcome(mine), welcome(mine)].concat();
        host.receive(&both, now, &mut |said| {
            assert!(matches!(said, SessionEvent::Opened(_)), "{said:?}");
            heard += 1;
        });
        assert!(heard == 1 && host.is_open());
    }

    #[test]
    fn streams_flow_and_are_acknowledged_and_sent_again() {
        let now = Instant::now();
        let mut host = Session::new(1, now);
        let mut out = Vec::new();
        host.poll(now, &mut out);
        let mine = host.streams.session;
        host.receive(&welcome(mine), now, &mut |_| {});
        host.send(Channel::Console, b"ps\r");
        out.clear();
        host.poll(now, &mut out);
        assert_eq!(kinds(&out), [0xc1]);
        let mut text = Vec::<u8>::new();
        let says = [
            board_says(0x83, &[0, 0, b'h', b'i']),
            board_says(0x83, &[0, 0, b'h', b'i']),
            board_says(0x83, &[1, 0, b'!']),
        ];
        host.receive(&says.concat(), now, &mut |said| match said {
            SessionEvent::Bytes(Channel::Console, bytes) => text.extend(bytes),
            other => panic!("{other:?}"),
        });
        assert_eq!(text, b"hi!");
        out.clear();
        host.poll(now + SEND_AGAIN, &mut out);
        assert_eq!(
            kinds(&out),
            [0xc4, 0xc1],
            "a word for them, and the key again"
        );
        assert!(!host.is_settled());
        host.receive(&board_says(0x86, &[1]), now, &mut |_| {});
        assert!(host.is_settled());
        out.clear();
        assert!(host.poll(now + SILENCE, &mut out), "the board is gone");
        host.poll(now + SILENCE, &mut out);
        assert_eq!(kinds(&out), [0xc0]);
    }

    #[test]
    fn an_acknowledgement_of_something_earlier_is_no_goodbye() {
        let now = Instant::now();
        let mut host = Session::new(1, now);
        let mine = host.streams.session;
        host.receive(&welcome(mine), now, &mut |_| {});
        let mut out = Vec::new();
        // An `alive`, whose acknowledgement is still on its way when the host leaves.
        host.poll(now + ALIVE_EVERY, &mut out);
        out.clear();
        host.close(&mut out);
        assert_eq!(kinds(&out), [0xc6]);
        let mut parted = 0;
        let mut count = |said: SessionEvent<'_>| parted += u32::from(said == SessionEvent::Parted);
        host.receive(&board_says(0x86, &[0]), now, &mut count);
        host.receive(&board_says(0x86, &[0, 1]), now, &mut count);
        assert_eq!(parted, 1, "the second one");
    }

    #[test]
    fn an_event_of_a_newer_target_is_passed_on_and_an_echo_is_not() {
        let now = Instant::now();
        let mut host = Session::new(1, now);
        let mine = host.streams.session;
        host.receive(&welcome(mine), now, &mut |_| {});
        let mut events = Vec::new();
        let line = [
            board_says(0xb3, b"new"),
            board_says(0xc0, b"echo"),
            board_says(0xb3, b""),
        ];
        let mut take = |event: SessionEvent<'_>| match event {
            SessionEvent::Event { kind, payload } => events.push((kind, payload.to_vec())),
            other => panic!("{other:?}"),
        };
        host.receive(&line.concat(), now, &mut take);
        assert_eq!(events, [(0xb3, b"new".to_vec()), (0xb3, Vec::new())]);
    }
}
