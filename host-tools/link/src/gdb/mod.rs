//! A gdb stub, used over TCP as gdb does: registers and physical memory.
//!
//! Protocol: "Debugging with GDB", appendix E. Acknowledgements stay on unless the stub offers to omit them,
//! so that any stub works.

mod batch;
pub(crate) mod error;
mod features;
mod packet;
mod patient;
mod threads;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use error::StubError;
use features::FeatureRegister;
use packet::Habits;
use patient::{Limit, PATIENCE, PatientStream, is_late};

pub use threads::StubThreads;

use crate::memory::{PhysRange, memory_map, memory_tree};
use crate::transport::{Outlet, connect};

/// Time limit for a second connection, made to resume the target.
const AGAIN: Duration = Duration::from_secs(2);
/// Packet size assumed for a stub that does not state one: enough for a word of memory with its framing.
const SMALLEST_PACKET: usize = 64;

/// Longest description or listing in bytes.
const MOST_TEXT: usize = 1 << 22;
/// Most packets in one description: enough even with the smallest packet size.
const MOST_PIECES: usize = 1 << 14;

/// A connection to a stub. The target is stopped while it exists. Afterwards it runs again, unless it was
/// stopped before, as far as the stub can report that; switched settings are restored.
pub struct Stub {
    reader: BufReader<PatientStream>,
    writer: Box<dyn Write + Send>,
    habits: Habits,
    /// Bytes received before the first request.
    unasked: usize,
    packet_bytes: usize,
    registers: Vec<FeatureRegister>,
    /// Reads go to physical memory; the previous setting, to restore.
    physical: Option<Vec<u8>>,
    /// Packet that resumes the target: stubs with multiprocess extensions require the process id. `None` if
    /// it is to stay stopped.
    parting: Option<String>,
    /// The stub reported a stop on connection, so the target was running.
    was_running: bool,
    /// Address for a reconnection if the line breaks while the target is stopped.
    address: Option<String>,
    /// Set when the user interrupts.
    stop: &'static AtomicBool,
    /// The line is broken: send nothing more.
    broken: bool,
    /// Whether packets are acknowledged.
    acknowledges: bool,
    /// Number of requests that may be in flight.
    window: usize,
    /// Whether the stub offers a memory map.
    has_memory_map: bool,
    /// Number of requests sent.
    packets: u64,
    /// Added to every address that is read.
    shift: u64,
}

/// Time limit for all packets of a description: 30 KiB at 9600 baud, doubled.
const LONGEST_TRANSFER: Duration = Duration::from_secs(60);

/// More unsolicited bytes than this mean a peer that never stops sending.
const MOST_UNASKED: usize = 1 << 20;

/// Requests in flight: their answers fit into any socket buffer, and each acknowledgement is a network
/// packet.
const WINDOW: usize = 64;

impl Stub {
    /// Connects to `HOST:PORT`, which stops the target, and switches reads to physical memory where the stub
    /// can: see [`Stub::is_physical`]. Once `stop` is set, only restoring requests are sent.
    pub fn connect(address: &str, stop: &'static AtomicBool) -> Result<Stub, StubError> {
        let (reader, writer) = dial(address, PATIENCE)?;
        let mut stub = Stub::new(reader, writer, stop);
        stub.greet()?;
        stub.address = Some(address.to_owned());
        Ok(stub)
    }

    /// A stub on an open line, with its two halves. Reads should time out when nothing arrives.
    pub fn over(
        reader: Box<dyn Read + Send>,
        writer: Box<dyn Write + Send>,
        stop: &'static AtomicBool,
    ) -> Result<Stub, StubError> {
        let reader = PatientStream::new(reader, Box::new(|_| Ok(())), Box::new(Instant::now));
        let mut stub = Stub::new(reader, writer, stop);
        stub.greet()?;
        Ok(stub)
    }

    fn new(
        reader: PatientStream,
        writer: Box<dyn Write + Send>,
        stop: &'static AtomicBool,
    ) -> Stub {
        Stub {
            reader: BufReader::new(reader),
            writer,
            habits: Habits::default(),
            unasked: 0,
            packet_bytes: SMALLEST_PACKET,
            registers: Vec::new(),
            physical: None,
            parting: Some("D".to_owned()),
            was_running: false,
            address: None,
            stop,
            broken: false,
            acknowledges: true,
            window: 1,
            has_memory_map: false,
            packets: 0,
            shift: 0,
        }
    }

    /// Negotiates features.
    fn greet(&mut self) -> Result<(), StubError> {
        let stub = self;
        // QEMU remembers that an earlier gdb used multiprocess extensions.
        let mut supported = stub.ask("qSupported:multiprocess+;xmlRegisters=riscv;swbreak+")?;
        // QEMU before 8.1 reports the stop of a running target first.
        if packet::is_stop(&supported) {
            stub.was_running = true;
            supported = stub.receive()?;
        }
        let size = packet::field(&supported, "PacketSize=");
        stub.packet_bytes = size.unwrap_or(SMALLEST_PACKET).max(SMALLEST_PACKET);
        let says = |word: &str| {
            let list = String::from_utf8_lossy(&supported);
            list.split(';').any(|it| it == word)
        };
        stub.has_memory_map = says("qXfer:memory-map:read+");
        if says("QStartNoAckMode+") && stub.ask("QStartNoAckMode")? == b"OK" {
            stub.acknowledges = false;
            stub.window = WINDOW;
        }
        // A running target stops, and the stub reports it.
        let stopped = stub.ask("?")?;
        if let Some(process) = packet::process(&stopped) {
            stub.parting = Some(format!("D;{process}"));
        }
        stub.switch()?;
        if stub.was_stopped()? {
            stub.parting = None;
        }
        Ok(())
    }

    /// Whether QEMU was stopped before the connection. It reports a reason unless the reason is a pause,
    /// which may be this connection's. A version that reports its own pauses is believed; a later version
    /// paused in its monitor is indistinguishable.
    fn was_stopped(&mut self) -> Result<bool, StubError> {
        if self.physical.is_none() || self.was_running {
            return Ok(false);
        }
        let status = self.monitor("info status")?;
        if !status.starts_with("VM status: paused") {
            return Ok(false);
        }
        if status.contains(" (") {
            return Ok(true);
        }
        let version = self.monitor("info version")?;
        let mut numbers = version.split('.').map(str::parse::<u32>);
        let version = (numbers.next(), numbers.next());
        Ok(matches!(version, (Some(Ok(major)), Some(Ok(minor))) if (major, minor) < (8, 1)))
    }

    /// Switches reads to physical memory, if the stub can.
    fn switch(&mut self) -> Result<(), StubError> {
        let before = self.ask("qqemu.PhyMemMode")?;
        if !before.is_empty() && self.ask("Qqemu.PhyMemMode:1")? == b"OK" {
            self.physical = Some(before);
            // QEMU takes the next request as an acknowledgement.
            self.window = WINDOW;
        }
        Ok(())
    }

    /// Sends one request at a time from now on, as for a stub without extensions: the baseline for
    /// measurements.
    pub fn one_by_one(&mut self) {
        self.window = 1;
    }

    /// Reads physical memory through the kernel's linear map, with address 0 at `at`.
    pub fn shift(&mut self, at: u64) {
        self.shift = at;
    }

    /// Number of requests sent.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// RAM ranges from the stub's memory map, or from QEMU's monitor.
    pub fn memory(&mut self) -> Result<Vec<PhysRange>, StubError> {
        if self.has_memory_map {
            let map = self.transfer("memory-map", "");
            let spans = memory_map(&map.unwrap_or_default());
            if !spans.is_empty() {
                return Ok(spans);
            }
        }
        self.monitor("info mtree -f").map(|text| memory_tree(&text))
    }

    /// Output of a command of the stub's monitor; empty without a monitor.
    pub fn monitor(&mut self, command: &str) -> Result<String, StubError> {
        let digits: String = command.bytes().map(|it| format!("{it:02x}")).collect();
        let (mut text, mut pieces) = (Vec::new(), 0);
        let mut said = self.ask(&format!("qRcmd,{digits}"))?;
        // Text arrives in packets of its own, followed by OK.
        while let Some((b'O', part)) = said.split_first()
            && said != b"OK"
        {
            text.extend(packet::bytes(part).unwrap_or_default());
            pieces += 1;
            if text.len() > MOST_TEXT || pieces > MOST_PIECES {
                return Err(StubError::NoStub);
            }
            said = self.receive()?;
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Whether addresses are physical. Otherwise the hart's current translation applies to them.
    pub fn is_physical(&self) -> bool {
        self.physical.is_some()
    }

    /// Register width of the hart in bits.
    pub fn xlen(&mut self) -> Result<u32, StubError> {
        self.known("pc").map(|register| register.bits)
    }

    /// Reads a register by name: `satp`, `scause`, `pc`.
    pub fn register(&mut self, name: &str) -> Result<u64, StubError> {
        let number = self.known(name)?.number;
        let said = self.ask(&format!("p{number:x}"))?;
        let mut bytes = [0; 8];
        let given = packet::bytes(&said);
        match given {
            Some(given) if (1..=8).contains(&given.len()) => {
                bytes[..given.len()].copy_from_slice(&given);
                Ok(u64::from_le_bytes(bytes))
            }
            // An error, or the letters for "unavailable".
            _ => Err(StubError::Register(name.to_owned())),
        }
    }

    /// Names of the registers in the target description, in its order. A hart need not have all of them.
    pub fn names(&mut self) -> Result<Vec<String>, StubError> {
        self.describe()?;
        Ok(self.registers.iter().map(|it| it.name.clone()).collect())
    }

    /// Reads the target description, once.
    fn describe(&mut self) -> Result<(), StubError> {
        if self.registers.is_empty() {
            let text = self.feature("target.xml")?;
            let mut registers = features::FeatureReader::default();
            registers.read(&text, &mut |file| self.feature(file))?;
            self.registers = registers.found;
        }
        Ok(())
    }

    fn known(&mut self, name: &str) -> Result<FeatureRegister, StubError> {
        self.describe()?;
        let found = self.registers.iter().find(|register| register.name == name);
        let found = found.cloned();
        found.ok_or_else(|| StubError::Register(name.to_owned()))
    }

    /// Reads a file of the target description.
    fn feature(&mut self, file: &str) -> Result<String, StubError> {
        self.transfer("features", file)
    }

    fn transfer(&mut self, object: &str, file: &str) -> Result<String, StubError> {
        let mut text = Vec::new();
        let most = self.packet_bytes - 8;
        let until = self.reader.get_ref().now() + LONGEST_TRANSFER;
        for _ in 0..MOST_PIECES {
            let from = text.len();
            if from > MOST_TEXT || self.reader.get_ref().now() > until {
                break;
            }
            let said = self.ask(&format!("qXfer:{object}:read:{file}:{from:x},{most:x}"))?;
            match said.split_first() {
                Some((b'm', part)) if !part.is_empty() => text.extend(part),
                Some((b'l', part)) => {
                    text.extend(part);
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                _ => break,
            }
        }
        Err(StubError::NoDescription)
    }

    fn ask(&mut self, question: &str) -> Result<Vec<u8>, StubError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(StubError::Stopped);
        }
        self.exchange(question)
    }

    fn exchange(&mut self, question: &str) -> Result<Vec<u8>, StubError> {
        if self.broken {
            return Err(StubError::Line(io::ErrorKind::BrokenPipe.into()));
        }
        self.packets += 1;
        self.reader.get_mut().begin();
        let said = self.settle().and_then(|()| {
            let (reader, writer) = (&mut self.reader, &mut self.writer);
            match self.acknowledges {
                true => packet::exchange(reader, writer, question.as_bytes(), &mut self.habits),
                false => {
                    packet::send(writer, question.as_bytes())?;
                    packet::receive(reader)
                }
            }
        });
        self.ended(said)
    }

    /// Discards late bytes before the next request.
    fn settle(&mut self) -> Result<(), StubError> {
        let left = self.reader.buffer().len();
        self.reader.consume(left);
        self.unasked += left;
        if self.unasked > MOST_UNASKED {
            return Err(StubError::NoStub);
        }
        match std::mem::take(&mut self.habits.is_disturbed) {
            true => self.reader.get_mut().settle().map_err(StubError::Line),
            false => Ok(()),
        }
    }

    /// Ends a request; after a failure of the line nothing more is sent.
    fn ended<T>(&mut self, said: Result<T, StubError>) -> Result<T, StubError> {
        self.broken |= said.is_err();
        said.map_err(|error| match error {
            StubError::Line(error) if is_late(&error) => {
                // A peer that did not answer is not asked again.
                self.address = None;
                StubError::Late {
                    heard: self.reader.get_ref().heard(),
                }
            }
            error => error,
        })
    }

    /// Receives a further packet of the last answer, within the same time limit.
    fn receive(&mut self) -> Result<Vec<u8>, StubError> {
        let answer = packet::receive(&mut self.reader);
        if answer.is_ok() && self.acknowledges {
            self.writer.write_all(b"+").map_err(StubError::Line)?;
        }
        self.ended(answer)
    }
}

impl Stub {
    /// Restores settings and resumes the target.
    fn part(&mut self) {
        if let Some(before) = &self.physical {
            let mut back = b"Qqemu.PhyMemMode:".to_vec();
            back.extend(before);
            let _ = self.exchange(&String::from_utf8_lossy(&back));
        }
        if let Some(parting) = self.parting.clone() {
            let _ = self.exchange(&parting);
        }
        let _ = self.writer.flush();
    }

    /// Reconnects to resume a target that this connection stopped.
    fn part_anew(&mut self, address: &str) -> Result<(), StubError> {
        let (reader, writer) = dial(address, AGAIN)?;
        (self.reader, self.writer) = (BufReader::new(reader), writer);
        self.habits = Habits::default();
        (self.broken, self.acknowledges) = (false, true);
        self.exchange("qSupported:multiprocess+;xmlRegisters=riscv;swbreak+")?;
        self.part();
        Ok(())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if !self.broken {
            self.part();
        }
        // The line broke, which was reported before.
        if self.broken
            && let Some(address) = self.address.take()
        {
            let _ = self.part_anew(&address);
        }
    }
}

/// Connects to `HOST:PORT`; returns the reader with a time limit, and the writer.
fn dial(
    address: &str,
    patience: Duration,
) -> Result<(PatientStream, Box<dyn Write + Send>), StubError> {
    let stream = connect(address).map_err(StubError::Line)?;
    let ends = || Ok((stream.try_clone()?, stream.try_clone()?));
    let (reader, limited) = ends().map_err(StubError::Line)?;
    let limit: Limit = Box::new(move |left| limited.set_read_timeout(Some(left.min(patience))));
    let reader = PatientStream::new(Box::new(reader), limit, Box::new(Instant::now));
    Ok((reader, Box::new(Outlet(stream))))
}
