//! A client of the hub, which the hub serves as a board would.

use std::io;
use std::net::TcpStream;

use abi::Error;
use wire::reliable::CHUNK;
use wire::{Answer, AnswerWriter, Ask, Channel, Event, Frame, Splitter, Welcome};

use super::history::History;
use crate::session::{Peer, StreamEnd};

/// A request from a client.
pub enum ClientRequest {
    /// Keys for the board's console.
    Keys(Vec<u8>),
    /// Bytes for the board's gdb stub.
    Gdb(Vec<u8>),
    /// A question for the agent, with the client's number for it.
    Ask(u64, Ask),
}

/// A connected client.
pub struct Client {
    stream: TcpStream,
    splitter: Splitter<{ wire::LARGEST }>,
    /// Number of its session; `Some(0)` for a passive client.
    session: Option<u32>,
    owes_welcome: bool,
    /// It has said `Bye`: the next acknowledgement is its last frame.
    is_leaving: bool,
    end: StreamEnd,
    /// Console text queued for a passive client.
    text: Vec<u8>,
    /// Number of the next event to send.
    next_event: u64,
}

impl Client {
    /// A client that has not sent a hello yet.
    pub fn new(stream: TcpStream) -> Self {
        Client {
            stream,
            splitter: Splitter::new(),
            session: None,
            owes_welcome: false,
            is_leaving: false,
            end: StreamEnd::default(),
            text: Vec::new(),
            next_event: 0,
        }
    }

    /// Restarts the session after the board rebooted: the client gets a welcome again.
    pub fn restart(&mut self) {
        self.owes_welcome = self.session.is_some();
    }

    /// Decodes bytes from the client.
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
                        self.end.restart();
                        self.next_event = 0;
                    }
                    (self.session, self.owes_welcome) = (Some(session), true);
                    self.is_leaving = false;
                }
                Ok(wire::Request::Stream(channel, payload)) => {
                    let Some(bytes) = self.end.receive(payload) else {
                        continue;
                    };
                    match channel {
                        Channel::Console => wants.push(ClientRequest::Keys(bytes.to_vec())),
                        Channel::Gdb => wants.push(ClientRequest::Gdb(bytes.to_vec())),
                        Channel::Control => match Ask::decode(bytes) {
                            Ok((id, Some(ask))) => wants.push(ClientRequest::Ask(id, ask)),
                            Ok((id, None)) => refuse(&mut self.end, id),
                            Err(wire::Malformed) => {}
                        },
                    }
                }
                Ok(wire::Request::Heard { next }) => {
                    self.end.acknowledged(next);
                }
                Ok(wire::Request::Alive) => self.end.owe_acknowledgement(),
                Ok(wire::Request::Bye) => {
                    self.end.owe_acknowledgement();
                    self.is_leaving = true;
                }
                _ => {}
            }
        }
        wants
    }

    /// Queues bytes on a channel.
    pub fn send(&mut self, channel: Channel, bytes: &[u8]) {
        match self.session {
            Some(0) | None => self.text.extend(bytes),
            Some(_) => self.end.send(channel, bytes),
        }
    }

    /// Answers that the question cannot be answered.
    pub fn refuse(&mut self, id: u64) {
        refuse(&mut self.end, id);
    }

    /// Forwards an answer with the client's own number.
    pub fn answer(&mut self, id: u64, answer: &[u8]) {
        let mut room = [0; CHUNK];
        let used = Answer::renumber(answer, id, &mut room);
        // The client's number is longer than the hub's, so that the answer does not fit.
        let whole = match used {
            Some(used) => room[..used].to_vec(),
            None => match AnswerWriter::new(&mut room, id, Some(Error::LimitExceeded)) {
                Some(refusal) => refusal.finish(0).to_vec(),
                None => return,
            },
        };
        self.end.send(Channel::Control, &whole);
    }

    /// Writes everything that is due.
    pub fn serve(&mut self, peer: Option<&Peer>, history: &History) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.text);
        // A client that connected before the board answered gets its welcome now.
        if let (Some(session), Some(peer)) = (self.session, peer) {
            if std::mem::take(&mut self.owes_welcome) {
                let welcome = Welcome {
                    version: wire::VERSION,
                    ticks_per_second: peer.ticks_per_second,
                    xlen: peer.xlen,
                    board: &peer.board,
                    session,
                };
                self.end
                    .put(&mut out, |sequence, room| welcome.encode(sequence, room));
            }
            self.end.fill_window(Channel::from_board);
            match self.is_leaving {
                true => self.end.write(&mut out, Event::encode_last_heard),
                false => self.end.write(&mut out, Event::encode_heard),
            }
            while let Some((number, kind, payload)) = history.next(self.next_event) {
                self.next_event = number + 1;
                self.end.put(&mut out, |sequence, room| {
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
        super::write_in_time(&mut self.stream, &out)
    }
}

fn refuse(end: &mut StreamEnd, id: u64) {
    let mut room = [0; CHUNK];
    let error = Some(Error::Unsupported);
    if let Some(answer) = AnswerWriter::new(&mut room, id, error) {
        end.send(Channel::Control, answer.finish(0));
    }
}
