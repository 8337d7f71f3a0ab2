//! A session with a board, without any I/O: bytes that came go in, bytes to send come out.

use std::time::{Duration, Instant};

use wire::{Channel, Event, Frame, Request, Splitter};

use super::altered::{Damage, Watch};
use super::calling::Calling;
use super::streams::StreamEnd;

/// A hello that was not answered is said again.
const HELLO_AGAIN: Duration = Duration::from_millis(250);
/// Unacknowledged frames are sent again after this time.
const SEND_AGAIN: Duration = Duration::from_millis(250);
/// A word to the board, so that it knows somebody listens.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// A board that says nothing for so long has gone, or has booted anew.
const SILENCE: Duration = Duration::from_secs(4);

/// The board that answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The protocol version it speaks.
    pub version: u32,
    /// Its name.
    pub board: String,
    /// Ticks of its clock in a second.
    pub ticks_per_second: u64,
    /// Bits of an address.
    pub xlen: u32,
}

/// What arrived from the target.
#[derive(Debug, PartialEq, Eq)]
pub enum SessionEvent<'a> {
    /// The board answered: streams flow from here on, from their beginning.
    Opened(Peer),
    /// The board fell silent; it is called again.
    Lost,
    /// The target acknowledged the end of the session.
    Parted,
    /// The next bytes of a stream.
    Bytes(Channel, &'a [u8]),
    /// Text outside of frames: firmware, a boot loader, a board that has not answered yet.
    Text(&'a [u8]),
    /// An event, as its frame has it: faults, how many were lost, or one of a newer target that
    /// this host does not know, which is passed on whole.
    Event {
        /// The frame's kind.
        kind: u8,
        /// What it carries.
        payload: &'a [u8],
    },
}

/// True for a kind of frame that only a target sends (docs/wire.md): 0x80 to 0xbf.
pub(super) fn is_from_target(kind: u8) -> bool {
    matches!(kind, 0x80..=0xbf)
}

/// One session.
pub struct Session {
    splitter: Splitter<{ wire::LARGEST }>,
    watch: Watch,
    calling: Calling,
    streams: SessionState,
}

/// All but the splitter, from which frames are borrowed.
struct SessionState {
    session: u32,
    open: bool,
    end: StreamEnd,
    parting: bool,
    /// The board was heard to boot while the session was open, or another one is there.
    is_rebooted: bool,
    said_at: Option<Instant>,
    heard_at: Instant,
    moved_at: Instant,
}

impl Session {
    /// Not open yet. `seed` makes the session another than any before it.
    pub fn new(seed: u32, now: Instant) -> Self {
        Session {
            splitter: Splitter::new(),
            watch: Watch::default(),
            calling: Calling::default(),
            streams: SessionState {
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

    /// Has the board answered?
    pub fn is_open(&self) -> bool {
        self.streams.open
    }

    /// True if everything that was sent has been acknowledged.
    pub fn is_settled(&self) -> bool {
        self.streams.end.is_settled()
    }

    /// Takes what came.
    pub fn receive(&mut self, bytes: &[u8], now: Instant, emit: &mut dyn FnMut(SessionEvent<'_>)) {
        for &byte in bytes {
            match self.splitter.feed(byte) {
                Some(wire::Split::Text(text)) => {
                    // In a session all is in frames: whoever boots has forgotten it.
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

    /// What became of frames on their way since [`Session::begin_watch`].
    pub fn damage(&self) -> Damage {
        self.watch.damage()
    }

    /// Counts frames anew.
    pub fn begin_watch(&mut self) {
        self.watch.begin();
    }

    /// Sends bytes on a channel, as soon as there is room. A question is one piece, of at most
    /// [`CHUNK`](wire::reliable::CHUNK) bytes; of the others the borders mean nothing.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        self.streams.end.send(channel, bytes);
    }

    /// What has to go out now is appended to `out`. Whether the board has just been lost.
    pub fn poll(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        let may_call = !self.calling.is_held_back(now);
        self.streams.poll(now, may_call, out)
    }

    /// Somebody else is at the other end of the line now: the session begins anew at once, and the
    /// silence need not be waited for.
    pub fn peer_changed(&mut self) {
        self.streams.is_rebooted |= self.streams.open;
    }

    /// When to poll again, at the latest.
    pub fn next_poll(&self) -> Duration {
        HELLO_AGAIN.min(SEND_AGAIN) / 2
    }

    /// Says goodbye: the board's line is plain again.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        self.streams.end.put(out, Request::encode_bye);
        (self.streams.open, self.streams.parting) = (false, true);
    }
}

impl SessionState {
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
            Event::Heard { .. } if self.parting => emit(SessionEvent::Parted),
            // Of a session before this one.
            _ if !self.open => {}
            Event::Stream(channel, payload) => {
                self.heard_at = now;
                if let Some(bytes) = self.end.receive(payload) {
                    emit(SessionEvent::Bytes(channel, bytes));
                }
            }
            Event::Heard { next } => {
                self.heard_at = now;
                if self.end.acknowledged(next) {
                    self.moved_at = now;
                }
            }
            Event::Welcome(_) => {}
            // What the line echoes of our own frames is no event.
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

    /// The board is called anew, under another number.
    fn lose(&mut self, now: Instant) {
        self.open = false;
        self.session = untypeable(self.session.wrapping_add(1));
        self.end.restart();
        (self.said_at, self.heard_at) = (None, now);
    }
}

/// The hello of a session, always the same: its number is 0, as of any first frame.
fn hello(session: u32, out: &mut [u8]) -> Result<usize, wire::frame::NoRoom> {
    Request::encode_session(wire::VERSION, session, 0, out)
}

/// The next session's number from `seed` on whose hello holds no byte that is a key. A hello that
/// comes before the board hears frames may reach it in part, and what is left must do nothing:
/// neither in a shell nor in a boot loader's.
fn untypeable(seed: u32) -> u32 {
    let is_quiet = |session: &u32| {
        let mut room = [0; wire::LARGEST];
        let used = hello(*session, &mut room).unwrap_or(0);
        *session != 0 && !room[..used].iter().any(is_key)
    };
    // One in about ten numbers is; a step of 2^24 + 1 comes by every number, and by each of the
    // bytes a number ends in.
    let mut numbers = (0..).map(|n: u32| seed.wrapping_add(n.wrapping_mul(0x0100_0001)));
    numbers.find(is_quiet).unwrap_or(1)
}

/// True for what a shell or a line editor acts on: printable characters, what ends or edits a line,
/// interrupts, and flow control.
fn is_key(byte: &u8) -> bool {
    matches!(byte, 0x03 | 0x04 | 0x08..=0x0a | 0x0d | 0x11 | 0x13 | 0x15 | 0x1a..=0x1c | b' '..=0x7f)
}

#[cfg(test)]
mod tests {
    use wire::Welcome;

    use super::*;

    /// What the frames in `bytes` are, as kinds.
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
            // After a session was lost, too.
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
        // It was called though it had not greeted, and answers.
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
        assert!(heard == 0 && !host.is_open(), "somebody else's");
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
        assert!(host.poll(now + SILENCE, &mut out), "nobody there any more");
        host.poll(now + SILENCE, &mut out);
        assert_eq!(kinds(&out), [0xc0]);
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
