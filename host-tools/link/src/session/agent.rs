//! The board's agent, asked and waited for: memory, tasks, the fault log.

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use abi::{Error, Fault};
use pagetable::{Dialect, Outside, PhysAddr};
use wire::{Answer, Ask, Channel};

use super::about::{Ram, TaskInfo, dialect};
use super::state::{Peer, Session, SessionEvent};
use crate::memory::{ReadError, Source};
use crate::transport::Line;

/// How long a board may take to answer a hello or a question.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a board may take to hear a goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// Pieces of the line that may wait for us.
const PIECES: usize = 1024;

/// Why the agent gave no answer.
#[derive(Debug)]
pub enum AgentError {
    /// The line broke.
    Line(io::Error),
    /// Nobody answers in this protocol.
    NoAnswer,
    /// It answered something that makes no sense.
    Malformed,
    /// It refused.
    Refused(Error),
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AgentError::Line(error) => write!(f, "the line broke: {error}"),
            AgentError::NoAnswer => write!(
                f,
                "no answer within {} s: is it a board of ours, has it booted, and is nobody \
                 else on the line?",
                PATIENCE.as_secs()
            ),
            AgentError::Malformed => f.write_str("the answer makes no sense"),
            AgentError::Refused(error) => write!(f, "the board refuses: {error}"),
        }
    }
}

impl std::error::Error for AgentError {}

/// A session with a board's agent. The line is plain again when this goes.
pub struct Agent {
    session: Session,
    incoming: Receiver<io::Result<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    _machine: Box<dyn Send>,
    peer: Peer,
    next_id: u64,
    ram: Vec<Ram>,
    /// Bytes of the answers so far.
    answered: u64,
    /// Hears every byte.
    tap: Option<Tap>,
}

/// Somebody who listens in, to what the board says and to what is said to it.
pub type Tap = Box<dyn FnMut(Direction, &[u8]) + Send>;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the board.
    Received,
    /// To the board.
    Sent,
}

impl Agent {
    /// Opens a session on a line.
    pub fn open(line: Line) -> Result<Agent, AgentError> {
        Agent::open_with(line, None)
    }

    /// Opens a session on a line, with somebody who hears all that is said on it.
    pub fn open_with(line: Line, tap: Option<Tap>) -> Result<Agent, AgentError> {
        let (reader, writer, machine) = line.split();
        let now = Instant::now();
        let mut agent = Agent {
            session: Session::new(seed(), now),
            incoming: read_in_background(reader),
            writer,
            _machine: Box::new(machine),
            peer: Peer {
                version: 0,
                board: String::new(),
                ticks_per_second: 0,
                xlen: 64,
            },
            next_id: 0,
            ram: Vec::new(),
            answered: 0,
            tap,
        };
        let deadline = now + PATIENCE;
        while !agent.session.is_open() {
            agent.step(deadline, &mut |_, _| {})?;
        }
        Ok(agent)
    }

    /// Who answers.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Types keys at the board's console.
    pub fn type_in(&mut self, keys: &[u8]) {
        self.session.send(Channel::Console, keys);
    }

    /// Lets the session go on for a while, with nothing to ask.
    pub fn run_for(&mut self, time: Duration) -> Result<(), AgentError> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            match self.step(end, &mut |_, _| {}) {
                // The time is over.
                Err(AgentError::NoAnswer) => return Ok(()),
                step => step?,
            }
        }
        Ok(())
    }

    /// Bytes that its answers took so far, numbers and all.
    pub fn answered_bytes(&self) -> u64 {
        self.answered
    }

    /// The kernel's own root, how memory types are written, and the number of the next fault.
    pub fn about(&mut self) -> Result<(wire::About, Dialect), AgentError> {
        let (about, ram) = self.ask(&Ask::About, |answer| match answer {
            Answer::About(about, ram) => {
                let ram = ram.map(|(base, bytes)| Ram { base, bytes });
                Some((about, ram.collect::<Vec<_>>()))
            }
            _ => None,
        })?;
        self.ram = ram;
        let dialect = dialect(&about);
        Ok((about, dialect))
    }

    /// The board's memory: what may be read.
    pub fn ram(&mut self) -> Result<&[Ram], AgentError> {
        if self.ram.is_empty() {
            self.about()?;
        }
        Ok(&self.ram)
    }

    /// All tasks.
    pub fn tasks(&mut self) -> Result<Vec<TaskInfo>, AgentError> {
        let mut all: Vec<TaskInfo> = Vec::new();
        let mut from = 0;
        loop {
            let next = self.ask(&Ask::Tasks { from }, |answer| match answer {
                Answer::Tasks(next, list) => {
                    all.extend(list.map(TaskInfo::from));
                    Some(next)
                }
                _ => None,
            })?;
            // A place that does not move on would be asked for for ever.
            if next <= from {
                return Ok(all);
            }
            from = next;
        }
    }

    /// Every fault that is kept from number `from` on, with its number.
    pub fn faults(&mut self, mut from: u64) -> Result<Vec<(u64, Fault)>, AgentError> {
        let mut all = Vec::new();
        loop {
            let more = self.ask(&Ask::Faults { from }, |answer| match answer {
                Answer::Faults(batch) => Some(batch.collect::<Vec<_>>()),
                Answer::NoFaults(_) => Some(Vec::new()),
                _ => None,
            })?;
            match more.last() {
                Some((last, _)) if *last >= from => from = last + 1,
                _ => return Ok(all),
            }
            all.extend(more);
        }
    }

    /// Fills `into` with words of memory from `at` on.
    fn words(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), AgentError> {
        let word = self.peer.xlen as usize / 8;
        let mut done = 0;
        while done < into.len() {
            let ask = Ask::Words {
                at: at.raw() + done as u64,
                count: ((into.len() - done) / word) as u64,
            };
            let rest = &mut into[done..];
            let read = self.ask(&ask, |answer| match answer {
                Answer::Words(words) => {
                    let mut read = 0;
                    for (place, value) in rest.chunks_exact_mut(word).zip(words) {
                        place.copy_from_slice(&value.to_le_bytes()[..word]);
                        read += word;
                    }
                    Some(read)
                }
                _ => None,
            })?;
            if read == 0 {
                return Err(AgentError::Malformed);
            }
            done += read;
        }
        Ok(())
    }

    /// Asks, and waits for the answer.
    fn ask<T>(
        &mut self,
        ask: &Ask,
        mut read: impl FnMut(Answer<'_>) -> Option<T>,
    ) -> Result<T, AgentError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut question = [0; Ask::LONGEST];
        let used = ask.encode(id, &mut question).ok_or(AgentError::Malformed)?;
        self.session.send(Channel::Control, &question[..used]);
        let deadline = Instant::now() + PATIENCE;
        let mut result = None;
        while result.is_none() {
            let mut bytes_of_it = 0;
            self.step(deadline, &mut |channel, bytes| {
                if channel == Channel::Control && Answer::id(bytes) == Ok(id) {
                    bytes_of_it += bytes.len() as u64;
                    result = Some(match Answer::decode(ask, bytes) {
                        Ok(Answer::Refused(number)) => Err(AgentError::Refused(error(number))),
                        Ok(answer) => read(answer).ok_or(AgentError::Malformed),
                        Err(_) => Err(AgentError::Malformed),
                    });
                }
            })?;
            self.answered += bytes_of_it;
        }
        result.unwrap_or(Err(AgentError::Malformed))
    }

    /// Says what is due and takes what came, or waits a moment for it.
    fn step(
        &mut self,
        deadline: Instant,
        take: &mut dyn FnMut(Channel, &[u8]),
    ) -> Result<(), AgentError> {
        let now = Instant::now();
        if now >= deadline {
            return Err(AgentError::NoAnswer);
        }
        let mut out = Vec::new();
        self.session.poll(now, &mut out);
        if let Some(tap) = self.tap.as_mut().filter(|_| !out.is_empty()) {
            tap(Direction::Sent, &out);
        }
        self.writer
            .write_all(&out)
            .and_then(|()| self.writer.flush())
            .map_err(AgentError::Line)?;
        let patience = self.session.next_poll().min(deadline - now);
        let bytes = match self.incoming.recv_timeout(patience) {
            Ok(bytes) => bytes.map_err(AgentError::Line)?,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(AgentError::Line(io::ErrorKind::UnexpectedEof.into()));
            }
        };
        if let Some(tap) = &mut self.tap {
            tap(Direction::Received, &bytes);
        }
        let peer = &mut self.peer;
        self.session
            .receive(&bytes, Instant::now(), &mut |heard| match heard {
                SessionEvent::Opened(opened) => *peer = opened,
                SessionEvent::Bytes(channel, bytes) => take(channel, bytes),
                _ => {}
            });
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let mut out = Vec::new();
        self.session.poll(Instant::now(), &mut out);
        self.session.close(&mut out);
        let said = self
            .writer
            .write_all(&out)
            .and_then(|()| self.writer.flush());
        // A line that broke needs no goodbye. On any other the board says that it heard; who
        // closes a socket before takes the goodbye with it.
        let deadline = Instant::now() + GOODBYE;
        let mut heard = said.is_err();
        while !heard {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(Ok(bytes)) = self.incoming.recv_timeout(left) else {
                return;
            };
            self.session.receive(&bytes, Instant::now(), &mut |said| {
                heard |= said == SessionEvent::Parted
            });
        }
    }
}

impl Source for Agent {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let outside = ReadError::Outside(Outside { at, bytes });
        let end = at.raw().checked_add(bytes as u64);
        let ram = self.ram().map_err(ReadError::Agent)?;
        let is_ram = ram
            .iter()
            .any(|ram| ram.base <= at.raw() && end.is_some_and(|end| end - ram.base <= ram.bytes));
        if !is_ram {
            return Err(outside);
        }
        self.words(at, into).map_err(ReadError::Agent)
    }
}

fn error(number: u64) -> Error {
    let known = Error::ALL.iter();
    let mut same = known.filter(|error| u64::from(error.number()) == number);
    same.next().copied().unwrap_or(Error::Unknown)
}

/// Another number each time: a board tells sessions apart by it.
pub fn seed() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    (nanos as u32) ^ (nanos >> 32) as u32 ^ std::process::id().rotate_left(16)
}

/// Reads a line to its end on a thread of its own.
pub fn read_in_background(mut reader: Box<dyn Read + Send>) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(PIECES);
    std::thread::spawn(move || {
        let mut piece = vec![0; 4096];
        loop {
            let read = match reader.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => Ok(piece[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let is_end = read.is_err();
            if sender.send(read).is_err() || is_end {
                return;
            }
        }
    });
    receiver
}
