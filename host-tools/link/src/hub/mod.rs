//! Shares one line between gdb on a port, a terminal, and any number of clients, each served as if it were
//! alone.

mod client;
mod history;
mod threads;

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use wire::{Answer, Ask, Channel};

use self::client::{Client, ClientRequest};
use self::history::History;
use self::threads::{accept, read_on};
use crate::recording::RecordingSink;
use crate::session::{Damage, PassiveDecoder, Peer, Session, SessionEvent, seed};
use crate::transport::{Presence, TargetLine};

/// Stops the target if it runs, and detaches: sent after a gdb that disconnected without detaching.
const LET_GO: &[u8] = b"\x03$D#44";

/// Interval for checking the stop flag, and the time limit for the target's last acknowledgement.
const LOOK: Duration = Duration::from_millis(100);
const GOODBYE: Duration = Duration::from_secs(2);
/// Time limit for a write to a client.
const PATIENCE: Duration = Duration::from_secs(2);
/// Queue limit: a faster sender is blocked, and memory stays bounded.
const WAITING: usize = 1024;
/// Events handled before other work: a client that never stops sending must not block the rest.
const AT_ONCE: usize = 256;
/// Damaged frames before a warning that the line changes bytes; a single one may be an accident.
const MOST_BAD: u64 = 3;

/// Something that happened on a connection.
enum HubEvent {
    Line(Vec<u8>),
    LineEnded(Option<io::Error>),
    Arrived(ClientRole, TcpStream),
    Said(u64, Vec<u8>),
    Left(u64),
    Typed(Vec<u8>),
}

/// What the clients of a port are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientRole {
    Gdb,
    Host,
}

/// A report of the hub to its caller.
#[derive(Debug, PartialEq, Eq)]
pub enum HubNews {
    /// The target answered.
    Board(Peer),
    /// The target stopped answering.
    Lost,
    /// gdb connected.
    GdbCame,
    /// gdb disconnected.
    GdbWent,
    /// A further gdb was rejected.
    GdbRefused,
    /// The line changes bytes.
    Altered(Damage),
}

/// Console and recording of the hub.
pub struct HubStreams {
    /// Receives console text.
    pub text: Box<dyn Write + Send>,
    /// Source of key input for the board.
    pub keys: Box<dyn Read + Send>,
    /// Records every byte of the line, in both directions.
    pub record: Option<Box<dyn RecordingSink>>,
}

/// A hub with open ports, before it runs.
pub struct Hub {
    gdb: TcpListener,
    hosts: TcpListener,
}

impl Hub {
    /// Opens the ports on the loopback interface; port 0 means any free one.
    pub fn bind(gdb: u16, hosts: u16) -> io::Result<Hub> {
        let bind = |port| TcpListener::bind(("127.0.0.1", port));
        Ok(Hub {
            gdb: bind(gdb)?,
            hosts: bind(hosts)?,
        })
    }

    /// The port for gdb, and the port for clients.
    pub fn ports(&self) -> io::Result<(u16, u16)> {
        Ok((
            self.gdb.local_addr()?.port(),
            self.hosts.local_addr()?.port(),
        ))
    }

    /// Serves until the line ends. A recording is decoded passively, and its content is served without limit.
    /// Once `stop` is set, the session with the target is closed.
    pub fn run(
        self,
        line: TargetLine,
        answers: bool,
        ends: HubStreams,
        stop: &'static AtomicBool,
        emit: &mut dyn FnMut(HubNews),
    ) -> io::Result<()> {
        let presence = line.presence();
        let (reader, writer, _machine) = line.split();
        let (sender, happened) = sync_channel(WAITING);
        let HubStreams { text, keys, record } = ends;
        read_on(reader, sender.clone(), HubEvent::Line, |error| {
            Some(HubEvent::LineEnded(error))
        });
        read_on(keys, sender.clone(), HubEvent::Typed, |_| None);
        accept(self.gdb, ClientRole::Gdb, sender.clone());
        accept(self.hosts, ClientRole::Host, sender.clone());
        let mut service = Service {
            session: Session::new(seed(), Instant::now()),
            passive: (!answers).then(PassiveDecoder::default),
            writer,
            text,
            record,
            sender,
            history: History::default(),
            peer: None,
            clients: HashMap::new(),
            gdb: None,
            next_client: 0,
            asked: HashMap::new(),
            next_ask: 0,
            is_altered: false,
            peers: presence.as_ref().map_or(0, |it| it.peers()),
            presence,
        };
        service.run(&happened, stop, emit)
    }
}

/// A running hub.
struct Service {
    session: Session,
    /// Used instead of a session.
    passive: Option<PassiveDecoder>,
    writer: Box<dyn Write + Send>,
    text: Box<dyn Write + Send>,
    record: Option<Box<dyn RecordingSink>>,
    sender: SyncSender<HubEvent>,
    history: History,
    peer: Option<Peer>,
    clients: HashMap<u64, Client>,
    gdb: Option<(u64, TcpStream)>,
    next_client: u64,
    /// Questions in flight: client, and the client's number.
    asked: HashMap<u64, (u64, u64)>,
    next_ask: u64,
    /// Whether the warning about a line that changes bytes was given.
    is_altered: bool,
    /// State of a line that may come back.
    presence: Option<Arc<Presence>>,
    /// Number of peers so far, from [`Presence::peers`].
    peers: u64,
}

impl Service {
    fn run(
        &mut self,
        happened: &Receiver<HubEvent>,
        stop: &AtomicBool,
        emit: &mut dyn FnMut(HubNews),
    ) -> io::Result<()> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return self.part(happened);
            }
            let patience = self.session.next_poll().min(LOOK);
            match happened.recv_timeout(patience) {
                Ok(HubEvent::LineEnded(None)) if self.passive.is_some() => {}
                Ok(HubEvent::LineEnded(None)) => return Ok(()),
                Ok(HubEvent::LineEnded(Some(error))) => return Err(error),
                Ok(one) => {
                    self.take(one, emit)?;
                    // Everything else that is queued is sent together.
                    for more in happened.try_iter().take(AT_ONCE) {
                        match more {
                            HubEvent::LineEnded(None) if self.passive.is_some() => {}
                            HubEvent::LineEnded(None) => return Ok(()),
                            HubEvent::LineEnded(Some(error)) => return Err(error),
                            more => self.take(more, emit)?,
                        }
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                // Unreachable: the hub itself holds a sender.
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            self.judge(emit);
            let peers = self.presence.as_ref().map_or(0, |it| it.peers());
            if std::mem::replace(&mut self.peers, peers) != peers {
                self.session.peer_changed();
            }
            let mut out = Vec::new();
            if self.passive.is_none() && self.session.poll(Instant::now(), &mut out) {
                self.lost(emit);
            }
            if !out.is_empty() {
                if let Some(record) = &mut self.record {
                    record.sent(&out)?;
                }
                self.writer.write_all(&out)?;
                self.writer.flush()?;
            }
            self.serve();
        }
    }

    /// Warns once if frames arrive damaged.
    fn judge(&mut self, emit: &mut dyn FnMut(HubNews)) {
        let damage = self.session.damage();
        let is_bad = damage.bad >= MOST_BAD && damage.bad * 100 > damage.good;
        if !self.is_altered && (is_bad || damage.change.is_some()) {
            self.is_altered = true;
            emit(HubNews::Altered(damage));
        }
    }

    /// Closes the session, and waits briefly for the acknowledgement.
    fn part(&mut self, happened: &Receiver<HubEvent>) -> io::Result<()> {
        let is_there = self.presence.as_ref().is_none_or(|it| it.is_there());
        if self.passive.is_some() || !is_there {
            return Ok(());
        }
        // Earlier bytes must arrive first, above all the end of gdb.
        let deadline = Instant::now() + GOODBYE;
        let mut out = Vec::new();
        while !self.session.is_settled() && Instant::now() < deadline {
            self.session.poll(Instant::now(), &mut out);
            self.writer.write_all(&out)?;
            self.writer.flush()?;
            out.clear();
            match happened.recv_timeout(self.session.next_poll().min(LOOK)) {
                Ok(HubEvent::Line(bytes)) => {
                    self.session.receive(&bytes, Instant::now(), &mut |_| {});
                }
                Ok(HubEvent::LineEnded(_)) => return Ok(()),
                _ => {}
            }
        }
        self.session.close(&mut out);
        if out.is_empty() {
            return Ok(());
        }
        self.writer.write_all(&out)?;
        self.writer.flush()?;
        let deadline = Instant::now() + GOODBYE;
        let mut heard = false;
        while !heard {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            match happened.recv_timeout(left) {
                Ok(HubEvent::Line(bytes)) => {
                    self.session.receive(&bytes, Instant::now(), &mut |said| {
                        heard |= said == SessionEvent::Parted;
                    });
                }
                Ok(HubEvent::LineEnded(_)) | Err(_) => return Ok(()),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, happened: HubEvent, emit: &mut dyn FnMut(HubNews)) -> io::Result<()> {
        match happened {
            HubEvent::Line(bytes) => {
                if let Some(record) = &mut self.record {
                    record.received(&bytes)?;
                }
                self.receive(&bytes, emit)?;
            }
            HubEvent::Arrived(role, stream) => self.arrive(role, stream, emit),
            HubEvent::Said(id, bytes) => self.receive_from_client(id, &bytes),
            HubEvent::Left(id) => {
                if self.gdb.take_if(|(gdb, _)| *gdb == id).is_some() {
                    self.session.send(Channel::Gdb, LET_GO);
                    emit(HubNews::GdbWent);
                }
                self.clients.remove(&id);
            }
            HubEvent::Typed(keys) => self.session.send(Channel::Console, &keys),
            HubEvent::LineEnded(_) => {}
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8], emit: &mut dyn FnMut(HubNews)) -> io::Result<()> {
        let Service {
            session,
            passive,
            text,
            history,
            peer,
            clients,
            gdb,
            asked,
            ..
        } = self;
        let mut text_gone = Ok(());
        let mut take = |heard: SessionEvent<'_>| match heard {
            SessionEvent::Opened(board) => {
                history.restart();
                clients.values_mut().for_each(Client::restart);
                *peer = Some(board.clone());
                emit(HubNews::Board(board));
            }
            SessionEvent::Text(said) | SessionEvent::Bytes(Channel::Console, said) => {
                text_gone = text.write_all(said).and_then(|()| text.flush());
                for client in clients.values_mut() {
                    client.send(Channel::Console, said);
                }
            }
            SessionEvent::Bytes(Channel::Gdb, said) => {
                // The thread that reads from a closed gdb connection reports it.
                let gone = gdb
                    .as_mut()
                    .is_some_and(|(_, gdb)| write_in_time(gdb, said).is_err());
                if gone && let Some((_, gdb)) = gdb {
                    let _ = gdb.shutdown(Shutdown::Both);
                }
            }
            SessionEvent::Bytes(Channel::Control, answer) => {
                let whose = Answer::id(answer).ok().and_then(|id| asked.remove(&id));
                if let Some((client, id)) = whose
                    && let Some(client) = clients.get_mut(&client)
                {
                    client.answer(id, answer);
                }
            }
            SessionEvent::Event { kind, payload } => history.keep(kind, payload),
            SessionEvent::Lost | SessionEvent::Parted => {}
        };
        match passive {
            Some(passive) => passive.receive(bytes, &mut take),
            None => session.receive(bytes, Instant::now(), &mut take),
        }
        text_gone
    }

    fn lost(&mut self, emit: &mut dyn FnMut(HubNews)) {
        self.peer = None;
        self.asked.clear();
        if let Some((_, gdb)) = self.gdb.take() {
            let _ = gdb.shutdown(Shutdown::Both);
        }
        emit(HubNews::Lost);
    }

    fn arrive(&mut self, role: ClientRole, stream: TcpStream, emit: &mut dyn FnMut(HubNews)) {
        let is_taken = self.gdb.is_some() || self.passive.is_some();
        if role == ClientRole::Gdb && is_taken {
            let _ = stream.shutdown(Shutdown::Both);
            return emit(HubNews::GdbRefused);
        }
        let id = self.next_client;
        self.next_client += 1;
        let Ok(reader) = stream.try_clone() else {
            return;
        };
        read_on(
            reader,
            self.sender.clone(),
            move |bytes| HubEvent::Said(id, bytes),
            move |_| Some(HubEvent::Left(id)),
        );
        match role {
            ClientRole::Gdb => {
                self.gdb = Some((id, stream));
                emit(HubNews::GdbCame);
            }
            ClientRole::Host => {
                self.clients.insert(id, Client::new(stream));
            }
        }
    }

    fn receive_from_client(&mut self, id: u64, bytes: &[u8]) {
        if self.gdb.as_ref().is_some_and(|(gdb, _)| *gdb == id) {
            self.session.send(Channel::Gdb, bytes);
            return;
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        for request in client.receive(bytes) {
            match request {
                ClientRequest::Keys(keys) => self.session.send(Channel::Console, &keys),
                ClientRequest::Gdb(bytes) => self.session.send(Channel::Gdb, &bytes),
                ClientRequest::Ask(number, _) if self.passive.is_some() => client.refuse(number),
                ClientRequest::Ask(number, ask) => {
                    let mut question = [0; Ask::LONGEST];
                    if let Some(used) = ask.encode(self.next_ask, &mut question) {
                        self.session.send(Channel::Control, &question[..used]);
                        self.asked.insert(self.next_ask, (id, number));
                        self.next_ask += 1;
                    }
                }
            }
        }
    }

    /// Sends what is due to every client; a client that does not read is disconnected.
    fn serve(&mut self) {
        let (peer, history) = (&self.peer, &self.history);
        self.clients
            .retain(|_, client| client.serve(peer.as_ref(), history).is_ok());
    }
}

/// Writes everything before the deadline or fails: a client that reads slowly or not at all must not block
/// others.
fn write_in_time(stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !bytes.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_write_timeout(Some(left))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
