//! A board of ours without a machine: it answers its agent's questions, reports faults, and has a
//! gdb stub, all through the protocol's own frames.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use abi::{Error, Fault};
use wire::{
    AnswerWriter, Ask, BatchWriter, Channel, Event, Frame, Inbox, Outbox, Request, Splitter,
    TaskRecord, Welcome, WordsWriter,
};

use super::stub::{self, Stub};

/// Where its memory is, and the page of its root table.
pub const RAM: u64 = 0x8000_0000;
pub const RAM_BYTES: u64 = 0x10_0000;
const ROOT: u64 = RAM + 0x1000;
/// `satp` of everybody.
pub const SATP: u64 = 8 << 60 | ROOT >> 12;
/// Faults that it reports in each session.
pub const FAULTS: u64 = 60;
const AGAIN: Duration = Duration::from_millis(100);

/// A word of its memory: three tables, and 300 pages that the lowest of them maps.
pub fn word(at: u64) -> u64 {
    let table = |page: u64| (RAM + page * 0x1000) >> 12 << 10 | 1;
    let entry = at % 0x1000 / 8;
    match (at & !0xfff) - RAM {
        0x1000 if entry == 0 => table(2),
        0x2000 if entry == 0 => table(3),
        // Every fourth page of a sort of its own, so that the map has many lines.
        0x3000 if entry < 300 => {
            (RAM + entry * 0x1000) >> 12 << 10 | [0xd7, 0xd7, 0xdb, 0x53][entry as usize % 4]
        }
        _ => 0,
    }
}

/// What fault of this number is like.
pub fn fault(number: u64) -> Fault {
    Fault {
        time: number * 1000,
        epc: 0x1_0000 + number * 4,
        va: 0x20_0000 + number * 0x1000,
        cause: 15,
        task: 2,
        source: 1,
        access: 2,
        class: 2,
        outcome: 1,
        ..Fault::EMPTY
    }
}

/// One session with a host that connected.
struct Board {
    session: Option<u32>,
    owes_welcome: bool,
    sequence: u16,
    inbox: Inbox,
    /// The host has said `Bye`.
    is_leaving: bool,
    outbox: Outbox,
    waiting: VecDeque<(Channel, Vec<u8>)>,
    moved: Instant,
    stub: Stub,
    out: Vec<u8>,
}

/// Serves until the line ends.
pub fn serve(mut line: TcpStream) {
    line.set_read_timeout(Some(Duration::from_millis(20)))
        .expect("a socket");
    let mut board = Board {
        session: None,
        owes_welcome: false,
        sequence: 0,
        inbox: Inbox::EMPTY,
        is_leaving: false,
        outbox: Outbox::EMPTY,
        waiting: VecDeque::new(),
        moved: Instant::now(),
        stub: Stub::default(),
        out: Vec::new(),
    };
    let mut splitter = Splitter::<{ wire::LARGEST }>::new();
    let mut piece = [0; 4096];
    loop {
        match line.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                for byte in &piece[..count] {
                    if let Some(wire::Split::Frame(frame)) = splitter.feed(*byte)
                        && let Ok(request) = Request::decode(&frame)
                    {
                        board.take(request);
                    }
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => return,
        }
        board.speak();
        if line.write_all(&std::mem::take(&mut board.out)).is_err() {
            return;
        }
    }
}

impl Board {
    fn take(&mut self, request: Request<'_>) {
        match request {
            Request::Hello { session, .. } => {
                if self.session != Some(session) {
                    (self.inbox, self.outbox) = (Inbox::EMPTY, Outbox::EMPTY);
                    self.waiting.clear();
                    self.session = Some(session);
                    self.stub = Stub::default();
                }
                self.owes_welcome = true;
            }
            Request::Stream(channel, payload) => {
                let Some(bytes) = self.inbox.take(payload) else {
                    return;
                };
                match channel {
                    Channel::Console => {}
                    Channel::Gdb => {
                        let said = self.stub.take(bytes);
                        let pieces = said.chunks(wire::reliable::CHUNK);
                        self.waiting
                            .extend(pieces.map(|it| (Channel::Gdb, it.to_vec())));
                    }
                    Channel::Control => {
                        if let Ok((id, ask)) = Ask::decode(bytes) {
                            self.waiting.push_back((Channel::Control, answer(id, ask)));
                        }
                    }
                }
            }
            Request::Heard { next } => {
                if self.outbox.acknowledge(next) {
                    self.moved = Instant::now();
                }
            }
            Request::Alive => self.inbox.owe(),
            Request::Bye => {
                self.inbox.owe();
                self.is_leaving = true;
            }
            Request::Unknown { .. } => {}
        }
    }

    fn put<E>(&mut self, make: impl FnOnce(u16, &mut [u8]) -> Result<usize, E>) {
        let mut room = [0; wire::LARGEST];
        let used = make(self.sequence, &mut room).unwrap_or(0);
        self.sequence = self.sequence.wrapping_add(1);
        self.out.extend(&room[..used]);
    }

    fn speak(&mut self) {
        let Some(session) = self.session else {
            return;
        };
        if std::mem::take(&mut self.owes_welcome) {
            let welcome = Welcome {
                version: wire::VERSION,
                ticks_per_second: 1_000_000,
                xlen: 64,
                board: "none",
                session,
            };
            self.put(|sequence, room| welcome.encode(sequence, room));
            for first in (0..FAULTS).step_by(5) {
                let mut batch = BatchWriter::<512>::new(first);
                assert!((first..first + 5).all(|number| batch.push(&fault(number))));
                self.put(|sequence, room| batch.encode(sequence, room));
            }
        }
        if let Some(next) = self.inbox.word() {
            let encode = match self.is_leaving {
                true => Event::encode_last_heard,
                false => Event::encode_heard,
            };
            self.put(|sequence, room| encode(next, sequence, room));
        }
        while self.outbox.has_room()
            && let Some((channel, bytes)) = self.waiting.pop_front()
        {
            self.outbox.push(channel.from_board(), &bytes);
        }
        if !self.outbox.is_empty() && self.moved.elapsed() > AGAIN {
            self.outbox.rewind();
            self.moved = Instant::now();
        }
        while let Some((kind, payload)) = self.outbox.begin_next().map(|(k, p)| (k, p.to_vec())) {
            self.put(|sequence, room| {
                Frame {
                    kind,
                    sequence,
                    payload: &payload,
                }
                .encode(room)
            });
        }
    }
}

fn answer(id: u64, ask: Option<Ask>) -> Vec<u8> {
    let mut room = [0; wire::reliable::CHUNK];
    let begin = |room, error| AnswerWriter::new(room, id, error).expect("room");
    match ask {
        Some(Ask::About) => {
            let mut answer = begin(&mut room, None);
            for number in [SATP, FAULTS, 0, 1, RAM, RAM_BYTES] {
                answer.number(number).expect("room");
            }
            answer.finish(0).to_vec()
        }
        Some(Ask::Words { at, count }) => {
            let mut answer = begin(&mut room, None);
            let mut words = WordsWriter::new(answer.rest());
            let mut all = (at..).step_by(8).take(count.min(4096) as usize);
            while let Some(at) = all.next()
                && words.push(word(at))
            {}
            let used = words.bytes();
            answer.finish(used).to_vec()
        }
        Some(Ask::Tasks { from: 0 }) => {
            let mut answer = begin(&mut room, None);
            answer.number(0).expect("room");
            // A byte that terminals change, in what is sent again until it is right.
            for (pid, line) in [(1, "sh"), (2, "touch_test\n60")] {
                let task = TaskRecord {
                    pid,
                    satp: SATP,
                    state: 1,
                    resident: 300,
                    tables: 3,
                    faults: pid * 30,
                    process: None,
                    hart: None,
                    line,
                };
                answer.task(&task).expect("room");
            }
            answer.finish(0).to_vec()
        }
        Some(Ask::Faults { from }) if from >= FAULTS => {
            let mut answer = begin(&mut room, None);
            answer.number(FAULTS).expect("room");
            answer.finish(0).to_vec()
        }
        _ => begin(&mut room, Some(Error::Unsupported))
            .finish(0)
            .to_vec(),
    }
}

/// Bytes of its memory as a stub writes them; nothing where there is none.
pub fn bytes(at: u64, count: u64) -> Option<String> {
    let end = at.checked_add(count)?;
    let is_ram = at >= RAM && end <= RAM + RAM_BYTES;
    is_ram.then(|| stub::hex((at..end).map(|at| (word(at & !7) >> (at % 8 * 8)) as u8)))
}
