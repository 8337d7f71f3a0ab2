//! A gdb stub that is asked over TCP as gdb would ask it: registers, and physical memory.
//!
//! Protocol: "Debugging with GDB", appendix E. Acknowledgements stay on unless the stub offers to
//! do without, so that any stub will do.

mod batch;
mod error;
mod features;
mod packet;
mod patient;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub use error::StubError;
use features::FeatureRegister;
use packet::Habits;
use patient::{Limit, PATIENCE, PatientStream, is_late};

use crate::memory::{PhysRange, memory_map, memory_tree};
use crate::transport::{Outlet, connect};

/// How long it may take to answer when it is connected to once more, to let its target go.
const AGAIN: Duration = Duration::from_secs(2);
/// What a stub can take that does not say: enough for a word of memory with all around it.
const SMALLEST_PACKET: usize = 64;

/// A longer description or listing is nobody's.
const MOST_TEXT: usize = 1 << 22;
/// Nor one in more pieces: the smallest packets hold enough for any description.
const MOST_PIECES: usize = 1 << 14;

/// A stub. The target stands still as long as this is there. Afterwards it runs on, unless it stood
/// still before, as far as the stub can tell; what was switched is switched back.
pub struct Stub {
    reader: BufReader<PatientStream>,
    writer: Box<dyn Write + Send>,
    habits: Habits,
    /// Bytes that came before anything was asked.
    unasked: usize,
    packet_bytes: usize,
    registers: Vec<FeatureRegister>,
    /// Reads go to physical memory; the setting to go back to.
    physical: Option<Vec<u8>>,
    /// How the target is let go: a stub that knows of processes wants its number. Nothing where it
    /// is to stay as it is.
    parting: Option<String>,
    /// The target said by itself that it stops: it was running.
    was_running: bool,
    /// Where to connect again if the line breaks: a target must not stand still for that.
    address: Option<String>,
    /// The user wants no answer any more.
    stop: &'static AtomicBool,
    /// Nothing is to be said any more: the line is broken.
    broken: bool,
    /// Whether packets are acknowledged.
    acknowledges: bool,
    /// How many questions may be on their way at once.
    window: usize,
    /// Whether the stub tells what memory there is.
    has_memory_map: bool,
    /// How many questions were asked.
    packets: u64,
    /// Added to every address that is read.
    shift: u64,
}

/// How long all pieces of a description may take together: 30 KiB at 9600 baud, and as much again.
const LONGEST_TRANSFER: Duration = Duration::from_secs(60);

/// More than this before questions comes from something that never stops speaking.
const MOST_UNASKED: usize = 1 << 20;

/// Questions on their way at once: their answers fit into any socket's buffer, and an
/// acknowledgement for each is one packet of the network.
const WINDOW: usize = 64;

impl Stub {
    /// Connects to `HOST:PORT`, which stops the target, and switches reads to physical memory
    /// where the stub knows how: [`Stub::is_physical`] tells. Once `stop` is set nothing more is
    /// asked but to put back what was switched.
    pub fn connect(address: &str, stop: &'static AtomicBool) -> Result<Stub, StubError> {
        let (reader, writer) = dial(address, PATIENCE)?;
        let mut stub = Stub::new(reader, writer, stop);
        stub.greet()?;
        stub.address = Some(address.to_owned());
        Ok(stub)
    }

    /// The same over any line that is open: what is read from, and what is written to. Its reads
    /// should end by themselves when nothing comes.
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

    /// Learns what the stub can do.
    fn greet(&mut self) -> Result<(), StubError> {
        let stub = self;
        // QEMU keeps for ever that a gdb before us knew of processes.
        let mut supported = stub.ask("qSupported:multiprocess+;xmlRegisters=riscv;swbreak+")?;
        // QEMU before 8.1 says first that a target stops which was running.
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
        // Whatever runs stops, and says so.
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

    /// Whether QEMU stood still before somebody connected. It says why it does, unless that is a
    /// wish to pause: then it may have been ours. A version that would have told of ours is
    /// believed; of a later one that was paused in its own monitor nobody can tell.
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

    /// Reads physical memory from now on, if the stub can.
    fn switch(&mut self) -> Result<(), StubError> {
        let before = self.ask("qqemu.PhyMemMode")?;
        if !before.is_empty() && self.ask("Qqemu.PhyMemMode:1")? == b"OK" {
            self.physical = Some(before);
            // QEMU takes the next question for an acknowledgement.
            self.window = WINDOW;
        }
        Ok(())
    }

    /// Asks for one thing after the other from now on, as a stub without any of this would have
    /// it: the yardstick for what it saves.
    pub fn one_by_one(&mut self) {
        self.window = 1;
    }

    /// Reads physical memory where the target's kernel maps all of it: address 0 at `at`.
    pub fn shift(&mut self, at: u64) {
        self.shift = at;
    }

    /// How many questions were asked.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// What is memory, as far as the stub tells: its memory map, or QEMU's monitor.
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

    /// What a command of the stub's own monitor prints; nothing where there is none.
    pub fn monitor(&mut self, command: &str) -> Result<String, StubError> {
        let digits: String = command.bytes().map(|it| format!("{it:02x}")).collect();
        let (mut text, mut pieces) = (Vec::new(), 0);
        let mut said = self.ask(&format!("qRcmd,{digits}"))?;
        // Text comes in packets of its own, then OK.
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

    /// Whether addresses are physical ones. If not, they go the way the hart's own would.
    pub fn is_physical(&self) -> bool {
        self.physical.is_some()
    }

    /// Bits of a register of the hart.
    pub fn xlen(&mut self) -> Result<u32, StubError> {
        self.known("pc").map(|register| register.bits)
    }

    /// A register by name: `satp`, `scause`, `pc`.
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
            // An error, or the letters that stand for "unavailable".
            _ => Err(StubError::Register(name.to_owned())),
        }
    }

    fn known(&mut self, name: &str) -> Result<FeatureRegister, StubError> {
        if self.registers.is_empty() {
            let text = self.feature("target.xml")?;
            let mut registers = features::FeatureReader::default();
            registers.read(&text, &mut |file| self.feature(file))?;
            self.registers = registers.found;
        }
        let found = self.registers.iter().find(|register| register.name == name);
        let found = found.cloned();
        found.ok_or_else(|| StubError::Register(name.to_owned()))
    }

    /// A file of the target's description.
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

    /// Nothing that came late must stand before the answer to what is asked next.
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

    /// A question has ended, well or not: of a line that failed once nothing more is asked.
    fn ended<T>(&mut self, said: Result<T, StubError>) -> Result<T, StubError> {
        self.broken |= said.is_err();
        said.map_err(|error| match error {
            StubError::Line(error) if is_late(&error) => {
                // What does not answer will not do so another time.
                self.address = None;
                StubError::Late {
                    heard: self.reader.get_ref().heard(),
                }
            }
            error => error,
        })
    }

    /// A further answer to the last question, in that question's time.
    fn receive(&mut self) -> Result<Vec<u8>, StubError> {
        let answer = packet::receive(&mut self.reader);
        if answer.is_ok() && self.acknowledges {
            self.writer.write_all(b"+").map_err(StubError::Line)?;
        }
        self.ended(answer)
    }
}

impl Stub {
    /// Switches back what was switched, and lets the target go.
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

    /// Connects once more, for a target that stands still because of us.
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
        // What fails now is a line that broke, and was told of before.
        if self.broken
            && let Some(address) = self.address.take()
        {
            let _ = self.part_anew(&address);
        }
    }
}

/// A connection to `HOST:PORT`: what is read from, no longer than that at once, and what is
/// written to.
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
