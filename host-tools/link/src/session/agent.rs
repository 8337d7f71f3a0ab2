//! A client of the board's agent: memory, tasks, the fault log.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use abi::{Error, Fault};
use pagetable::{Dialect, Outside, PhysAddr};
use wire::{Answer, Ask, Channel};

use super::about::{RamExtent, TaskInfo, dialect};
use super::agent_error::{AgentError, PATIENCE};
use super::state::{Peer, Session, SessionEvent};
use crate::memory::{MemorySource, ReadError};
use crate::transport::{Presence, TargetLine};

/// Time limit for the target's last acknowledgement.
const GOODBYE: Duration = Duration::from_secs(2);
/// Limit of queued pieces from the line.
const PIECES: usize = 1024;

/// A session with a board's agent. The line is plain again when it is dropped.
pub struct Agent {
    session: Session,
    incoming: Receiver<io::Result<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    _machine: Box<dyn Send>,
    /// State of a line that may come back.
    presence: Option<Arc<Presence>>,
    /// Number of peers so far, from [`Presence::peers`].
    peers: u64,
    peer: Peer,
    next_id: u64,
    ram: Vec<RamExtent>,
    /// Bytes of all answers so far.
    answered: u64,
    /// Bytes received since the question.
    heard: u64,
    /// The session restarted since the question, which was lost with the old one.
    is_reopened: bool,
    /// How the line ended, once it has: who asks afterwards is answered the same.
    ended: Option<(io::ErrorKind, String)>,
    /// Set when the user interrupts.
    stop: Option<Arc<AtomicBool>>,
    /// Receives a copy of every byte.
    tap: Option<LineTap>,
}

/// Options for opening a session.
#[derive(Default)]
pub struct AgentOptions {
    /// Receives a copy of every byte, in both directions.
    pub tap: Option<LineTap>,
    /// Once set, waiting ends.
    pub stop: Option<Arc<AtomicBool>>,
    /// Without it, a board that does not answer in time is an error. With it, calling continues, and it is
    /// invoked each time.
    pub on_silence: Option<OnSilence>,
}

/// Callback while a board does not answer.
pub type OnSilence = Box<dyn FnMut(AgentError) + Send>;

/// A listener for both directions of the line.
pub type LineTap = Box<dyn FnMut(Direction, &[u8]) + Send>;

/// Direction of bytes on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the board.
    Received,
    /// To the board.
    Sent,
}

impl Agent {
    /// Opens a session on a line, with default options.
    pub fn open(line: TargetLine) -> Result<Agent, AgentError> {
        Agent::open_with(line, AgentOptions::default())
    }

    /// Opens a session on a line.
    pub fn open_with(line: TargetLine, options: AgentOptions) -> Result<Agent, AgentError> {
        let AgentOptions {
            tap,
            stop,
            mut on_silence,
        } = options;
        let presence = line.presence();
        let (reader, writer, machine) = line.split();
        let now = Instant::now();
        let mut agent = Agent {
            session: Session::new(seed(), now),
            incoming: read_in_background(reader),
            writer,
            _machine: Box::new(machine),
            peers: presence.as_ref().map_or(0, |it| it.peers()),
            presence,
            peer: Peer {
                version: 0,
                board: String::new(),
                ticks_per_second: 0,
                xlen: 64,
            },
            next_id: 0,
            ram: Vec::new(),
            answered: 0,
            heard: 0,
            is_reopened: false,
            ended: None,
            stop,
            tap,
        };
        loop {
            match (agent.wait_until_open(), &mut on_silence) {
                (Ok(()), _) => return Ok(agent),
                (Err(error), Some(told)) if error.is_silence() => told(error),
                (Err(error), _) => return Err(error),
            }
        }
    }

    /// Calls the board until it answers; time while the line is absent does not count.
    fn wait_until_open(&mut self) -> Result<(), AgentError> {
        let mut deadline = Instant::now() + PATIENCE;
        while !self.session.is_open() {
            deadline = self.extended(deadline);
            self.step(deadline, &mut |_, _| {})?;
        }
        Ok(())
    }

    /// The deadline, restarted whenever the line comes back.
    fn extended(&self, deadline: Instant) -> Instant {
        match self.is_there() {
            true => deadline,
            false => Instant::now() + PATIENCE,
        }
    }

    fn is_there(&self) -> bool {
        self.presence.as_ref().is_none_or(|it| it.is_there())
    }

    /// The board that answered.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Sends keys to the board's console.
    pub fn type_in(&mut self, keys: &[u8]) {
        self.session.send(Channel::Console, keys);
    }

    /// Keeps the session alive for a while, without questions.
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

    /// Bytes of all answers so far, numbers included.
    pub fn answered_bytes(&self) -> u64 {
        self.answered
    }

    /// The kernel's own root, the encoding of memory types, and the number of the next fault.
    pub fn about(&mut self) -> Result<(wire::About, Dialect), AgentError> {
        let (about, ram) = self.ask(&Ask::About, |answer| match answer {
            Answer::About(about, ram) => {
                let ram = ram.map(|(base, bytes)| RamExtent { base, bytes });
                Some((about, ram.collect::<Vec<_>>()))
            }
            _ => None,
        })?;
        self.ram = ram;
        let dialect = dialect(&about);
        Ok((about, dialect))
    }

    /// The board's RAM: the memory that may be read.
    pub fn ram(&mut self) -> Result<&[RamExtent], AgentError> {
        if self.ram.is_empty() {
            self.about()?;
        }
        Ok(&self.ram)
    }

    /// The whole task table, with processes and harts where the board knows that question.
    pub fn tasks(&mut self) -> Result<Vec<TaskInfo>, AgentError> {
        match self.table(|from| Ask::Threads { from }) {
            Err(AgentError::Refused(abi::Error::Unsupported)) => {
                self.table(|from| Ask::Tasks { from })
            }
            table => table,
        }
    }

    fn table(&mut self, ask: fn(u64) -> Ask) -> Result<Vec<TaskInfo>, AgentError> {
        let mut all: Vec<TaskInfo> = Vec::new();
        let mut from = 0;
        // All parts share one deadline.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let next = self.ask_until(deadline, &ask(from), |answer| match answer {
                Answer::Tasks(next, list) => {
                    all.extend(list.map(|task| task.map_line(str::to_owned)));
                    Some(next)
                }
                _ => None,
            })?;
            // An index that does not advance would loop.
            if next <= from {
                return Ok(all);
            }
            from = next;
        }
    }

    /// Every fault from number `from` that the board has in its ring now, with its number. Later ones are
    /// left out: a board may fault faster than the line transmits.
    pub fn faults(&mut self, mut from: u64) -> Result<Vec<(u64, Fault)>, AgentError> {
        let end = self.about()?.0.next_fault;
        let mut all = Vec::new();
        while from < end {
            let more = self.ask(&Ask::Faults { from }, |answer| match answer {
                Answer::Faults(batch) => Some(batch.collect::<Vec<_>>()),
                Answer::NoFaults(_) => Some(Vec::new()),
                _ => None,
            })?;
            match more.last() {
                Some((last, _)) if *last >= from => from = last.saturating_add(1),
                _ => break,
            }
            all.extend(more);
        }
        Ok(all)
    }

    /// Fills `into` with words of memory from address `at`.
    fn words(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), AgentError> {
        let word = word_bytes(self.peer.xlen);
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

    /// Sends a question, and waits for the answer.
    fn ask<T>(
        &mut self,
        ask: &Ask,
        read: impl FnMut(Answer<'_>) -> Option<T>,
    ) -> Result<T, AgentError> {
        self.ask_until(Instant::now() + PATIENCE, ask, read)
    }

    /// Sends a question, and waits for the answer until a deadline.
    fn ask_until<T>(
        &mut self,
        mut deadline: Instant,
        ask: &Ask,
        mut read: impl FnMut(Answer<'_>) -> Option<T>,
    ) -> Result<T, AgentError> {
        let id = self.next_id;
        self.next_id += 1;
        let mut question = [0; Ask::LONGEST];
        let used = ask.encode(id, &mut question).ok_or(AgentError::Malformed)?;
        self.session.send(Channel::Control, &question[..used]);
        self.session.begin_watch();
        (self.heard, self.is_reopened) = (0, false);
        let mut result = None;
        while result.is_none() {
            if std::mem::take(&mut self.is_reopened) {
                self.session.send(Channel::Control, &question[..used]);
            }
            let mut bytes_of_it = 0;
            deadline = self.extended(deadline);
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

    /// Sends what is due and processes input, or waits briefly for it.
    fn step(
        &mut self,
        deadline: Instant,
        take: &mut dyn FnMut(Channel, &[u8]),
    ) -> Result<(), AgentError> {
        let now = Instant::now();
        if self
            .stop
            .as_ref()
            .is_some_and(|stop| stop.load(Ordering::Relaxed))
        {
            return Err(AgentError::Stopped);
        }
        if now >= deadline {
            return Err(self.silence());
        }
        let peers = self.presence.as_ref().map_or(0, |it| it.peers());
        if std::mem::replace(&mut self.peers, peers) != peers {
            self.session.peer_changed();
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
            Ok(bytes) => bytes.map_err(|error| {
                self.ended = Some((error.kind(), error.to_string()));
                AgentError::Line(error)
            })?,
            Err(RecvTimeoutError::Timeout) => return Ok(()),
            Err(RecvTimeoutError::Disconnected) if let Some((kind, what)) = self.ended.clone() => {
                return Err(AgentError::Line(io::Error::new(kind, what)));
            }
            Err(RecvTimeoutError::Disconnected) => {
                let what =
                    "the thread that reads the line has panicked, which is a bug of pagewalk";
                return Err(AgentError::Line(io::Error::other(what)));
            }
        };
        self.heard += bytes.len() as u64;
        if let Some(tap) = &mut self.tap {
            tap(Direction::Received, &bytes);
        }
        let (peer, is_reopened) = (&mut self.peer, &mut self.is_reopened);
        self.session
            .receive(&bytes, Instant::now(), &mut |heard| match heard {
                SessionEvent::Opened(opened) => (*peer, *is_reopened) = (opened, true),
                SessionEvent::Bytes(channel, bytes) => take(channel, bytes),
                _ => {}
            });
        Ok(())
    }

    /// The error for a missing answer.
    fn silence(&self) -> AgentError {
        let damage = self.session.damage();
        match (damage.good + damage.bad, self.heard) {
            (1.., _) => AgentError::Altered(damage),
            (0, 0) => AgentError::NoAnswer,
            (0, bytes) => AgentError::Unintelligible { bytes },
        }
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
        // A broken line needs no goodbye. On any other the board acknowledges it; a socket closed earlier
        // would drop the goodbye.
        let deadline = Instant::now() + GOODBYE;
        let mut heard = said.is_err() || !self.is_there();
        while !heard {
            let left = deadline.saturating_duration_since(Instant::now());
            // Queued input is processed even after the deadline: a peer that never stops sending would
            // otherwise never be left.
            if left.is_zero() {
                return;
            }
            let Ok(Ok(bytes)) = self.incoming.recv_timeout(left) else {
                return;
            };
            self.session.receive(&bytes, Instant::now(), &mut |said| {
                heard |= said == SessionEvent::Parted
            });
        }
    }
}

impl MemorySource for Agent {
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

/// Word size of a hart in bytes; a board may send any number.
pub fn word_bytes(xlen: u32) -> usize {
    match xlen {
        32 => 4,
        _ => 8,
    }
}

fn error(number: u64) -> Error {
    let known = Error::ALL.iter();
    let mut same = known.filter(|error| u64::from(error.number()) == number);
    same.next().copied().unwrap_or(Error::Unknown)
}

/// A session number. It differs between runs, because the target distinguishes sessions by it.
pub fn seed() -> u32 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    let seed = (nanos as u32) ^ (nanos >> 32) as u32 ^ std::process::id().rotate_left(16);
    // The last byte of its encoding is the only one below 0x80. A terminal in between changes `\n`, `\r` and
    // flow control bytes: every hello would be lost, without any indication.
    const OFTEN_CHANGED: [u32; 4] = [0x0a, 0x0d, 0x11, 0x13];
    let is_changed = |seed: u32| {
        let last = (0..5).rev().map(|n| seed >> (7 * n)).find(|rest| *rest > 0);
        last.is_none_or(|last| OFTEN_CHANGED.contains(&last))
    };
    let mut seeds = (0..).map(|n| seed.wrapping_add(n << 28));
    seeds.find(|seed| !is_changed(*seed)).unwrap_or(1)
}

/// Reads a line to its end on a thread of its own.
pub fn read_in_background(mut reader: Box<dyn Read + Send>) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(PIECES);
    std::thread::spawn(move || {
        let mut piece = vec![0; 4096];
        loop {
            let read = match reader.read(&mut piece) {
                // Sent explicitly, to be distinguishable from a panicked reader.
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(length) => Ok(piece[..length].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            if read.is_err() {
                // The port is free for the next to open it once the end is known.
                drop(reader);
                _ = sender.send(read);
                return;
            }
            if sender.send(read).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_seed_ends_in_a_byte_that_terminals_change() {
        for _ in 0..1000 {
            let seed = seed();
            let mut number = seed;
            while number > 0x7f {
                number >>= 7;
            }
            assert!(![0, 0x0a, 0x0d, 0x11, 0x13].contains(&number), "{seed:#x}");
        }
    }
}
