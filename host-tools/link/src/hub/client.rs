//! One listener of the hub, to which the hub speaks as a board does.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::TcpStream;

use abi::Error;
use wire::reliable::CHUNK;
use wire::{Answer, AnswerWriter, Ask, Channel, Event, Frame, Inbox, Outbox, Splitter, Welcome};

use super::history::History;
use crate::session::Peer;

/// What a listener wants.
pub enum ClientRequest {
    /// Keys for the board.
    Keys(Vec<u8>),
    /// Bytes for its stub.
    Gdb(Vec<u8>),
    /// A question, with the listener's number for it.
    Ask(u64, Ask),
}

/// A listener.
pub struct Client {
    stream: TcpStream,
    splitter: Splitter<{ wire::LARGEST }>,
    /// The number of its session; `Some(0)` for one that only listens.
    session: Option<u32>,
    owes_welcome: bool,
    sequence: u16,
    inbox: Inbox,
    outbox: Outbox,
    waiting: VecDeque<(Channel, Vec<u8>)>,
    /// Text for one that only listens.
    text: Vec<u8>,
    /// Number of the next event to tell.
    next_event: u64,
}

impl Client {
    /// It has said nothing yet.
    pub fn new(stream: TcpStream) -> Self {
        Client {
            stream,
            splitter: Splitter::new(),
            session: None,
            owes_welcome: false,
            sequence: 0,
            inbox: Inbox::EMPTY,
            outbox: Outbox::EMPTY,
            waiting: VecDeque::new(),
            text: Vec::new(),
            next_event: 0,
        }
    }

    /// The board began anew: this one is greeted anew.
    pub fn restart(&mut self) {
        self.owes_welcome = self.session.is_some();
    }

    /// Takes what it said.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<ClientRequest> {
        let mut wants = Vec::new();
        for &byte in bytes {
            let request = match self.splitter.feed(byte) {
                Some(wire::Split::Frame(frame)) => wire::Request::decode(&frame),
                Some(wire::Split::Text(keys)) => {
                    wants.push(ClientRequest::Keys(keys.to_vec()));
                    continue;
                }
                _ => continue,
            };
            match request {
                Ok(wire::Request::Hello { session, .. }) => {
                    if self.session != Some(session) {
                        (self.inbox, self.outbox) = (Inbox::EMPTY, Outbox::EMPTY);
                        self.waiting.clear();
                        self.next_event = 0;
                    }
                    (self.session, self.owes_welcome) = (Some(session), true);
                }
                Ok(wire::Request::Stream(channel, payload)) => {
                    let Some(bytes) = self.inbox.take(payload) else {
                        continue;
                    };
                    match channel {
                        Channel::Console => wants.push(ClientRequest::Keys(bytes.to_vec())),
                        Channel::Gdb => wants.push(ClientRequest::Gdb(bytes.to_vec())),
                        Channel::Control => match Ask::decode(bytes) {
                            Ok((id, Some(ask))) => wants.push(ClientRequest::Ask(id, ask)),
                            Ok((id, None)) => refuse(&mut self.waiting, id),
                            Err(wire::Malformed) => {}
                        },
                    }
                }
                Ok(wire::Request::Heard { next }) => {
                    self.outbox.acknowledge(next);
                }
                Ok(wire::Request::Alive | wire::Request::Bye) => self.inbox.owe(),
                _ => {}
            }
        }
        wants
    }

    /// Sends bytes on a channel.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        match self.session {
            Some(0) | None => self.text.extend(bytes),
            Some(_) => {
                let pieces = bytes.chunks(CHUNK).map(|piece| (channel, piece.to_vec()));
                self.waiting.extend(pieces);
            }
        }
    }

    /// Nobody can answer that.
    pub fn refuse(&mut self, id: u64) {
        refuse(&mut self.waiting, id);
    }

    /// Passes an answer on, under the listener's own number.
    pub fn answer(&mut self, id: u64, answer: &[u8]) {
        let mut room = [0; CHUNK];
        let used = Answer::renumber(answer, id, &mut room);
        // A number so much longer than the hub's own that the answer has no room with it.
        let whole = match used {
            Some(used) => room[..used].to_vec(),
            None => match AnswerWriter::new(&mut room, id, Some(Error::LimitExceeded)) {
                Some(refusal) => refusal.finish(0).to_vec(),
                None => return,
            },
        };
        self.waiting.push_back((Channel::Control, whole));
    }

    /// Writes what is due.
    pub fn serve(&mut self, peer: Option<&Peer>, history: &History) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.text);
        // One that waits for a board hears from it once there is one.
        if let (Some(session), Some(peer)) = (self.session, peer) {
            if std::mem::take(&mut self.owes_welcome) {
                let welcome = Welcome {
                    version: wire::VERSION,
                    ticks_per_second: peer.ticks_per_second,
                    xlen: peer.xlen,
                    board: &peer.board,
                    session,
                };
                self.put(&mut out, |sequence, room| welcome.encode(sequence, room));
            }
            self.streams(&mut out);
            while let Some((number, kind, payload)) = history.next(self.next_event) {
                self.next_event = number + 1;
                self.put(&mut out, |sequence, room| {
                    Frame {
                        kind,
                        sequence,
                        payload,
                    }
                    .encode(room)
                });
            }
        }
        if out.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&out)
    }

    fn streams(&mut self, out: &mut Vec<u8>) {
        if let Some(next) = self.inbox.word() {
            self.put(out, |sequence, room| {
                Event::encode_heard(next, sequence, room)
            });
        }
        while self.outbox.has_room()
            && let Some((channel, bytes)) = self.waiting.pop_front()
        {
            self.outbox.push(channel.from_board(), &bytes);
        }
        while self.outbox.wants_to_send() {
            let (sequence, mut room) = (self.sequence, [0; wire::LARGEST]);
            let Some((kind, payload)) = self.outbox.begin_next() else {
                break;
            };
            let encoded = Frame {
                kind,
                sequence,
                payload,
            }
            .encode(&mut room);
            self.sequence = sequence.wrapping_add(1);
            out.extend(&room[..encoded.unwrap_or(0)]);
        }
    }

    fn put<E>(&mut self, out: &mut Vec<u8>, make: impl FnOnce(u16, &mut [u8]) -> Result<usize, E>) {
        let mut room = [0; wire::LARGEST];
        let used = make(self.sequence, &mut room).unwrap_or(0);
        self.sequence = self.sequence.wrapping_add(1);
        out.extend(&room[..used]);
    }
}

fn refuse(waiting: &mut VecDeque<(Channel, Vec<u8>)>, id: u64) {
    let mut room = [0; CHUNK];
    let error = Some(Error::Unsupported);
    if let Some(answer) = AnswerWriter::new(&mut room, id, error) {
        let answer = answer.finish(0).to_vec();
        waiting.push_back((Channel::Control, answer));
    }
}
