//! A gdb stub that is asked over TCP as gdb would ask it: registers, and physical memory.
//!
//! Protocol: "Debugging with GDB", appendix E. Acknowledgements stay on, so that any stub will do.

mod error;
mod features;
mod packet;

use std::io::{self, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pagetable::{Outside, PhysAddr};

pub use error::StubError;
use features::Register;

use crate::memory::{ReadError, Source};

/// How long a stub may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a stub can take that does not say: enough for a word of memory with all around it.
const SMALLEST_PACKET: usize = 64;

/// A stub. The target stands still as long as this is there, and runs on afterwards; what was
/// switched is switched back.
pub struct Stub {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    packet_bytes: usize,
    registers: Vec<Register>,
    /// Reads go to physical memory; the setting to go back to.
    physical: Option<Vec<u8>>,
    /// How the target is let go: a stub that knows of processes wants its number.
    parting: String,
    /// The user wants no answer any more.
    stop: &'static AtomicBool,
    /// Nothing is to be said any more: the line is broken.
    broken: bool,
}

impl Stub {
    /// Connects to `HOST:PORT`, which stops the target, and switches reads to physical memory
    /// where the stub knows how: [`Stub::is_physical`] tells. Once `stop` is set nothing more is
    /// asked but to put back what was switched.
    pub fn connect(address: &str, stop: &'static AtomicBool) -> Result<Stub, StubError> {
        let mut tried = None;
        let places = address.to_socket_addrs().map_err(StubError::Line)?;
        let stream = places.into_iter().find_map(|place| {
            match TcpStream::connect_timeout(&place, PATIENCE) {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tried = Some(error);
                    None
                }
            }
        });
        let stream = stream.ok_or_else(|| {
            StubError::Line(tried.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
        })?;
        let ready = || {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.try_clone()
        };
        let reader = BufReader::new(ready().map_err(StubError::Line)?);
        let mut stub = Stub {
            reader,
            writer: stream,
            packet_bytes: SMALLEST_PACKET,
            registers: Vec::new(),
            physical: None,
            parting: "D".to_owned(),
            stop,
            broken: false,
        };
        // QEMU keeps for ever that a gdb before us knew of processes.
        let supported = stub.ask("qSupported:multiprocess+;xmlRegisters=riscv;swbreak+")?;
        let size = packet::field(&supported, "PacketSize=");
        stub.packet_bytes = size.unwrap_or(SMALLEST_PACKET).max(SMALLEST_PACKET);
        // Whatever runs stops, and says so.
        let stopped = stub.ask("?")?;
        if let Some(process) = packet::process(&stopped) {
            stub.parting = format!("D;{process}");
        }
        stub.switch()?;
        Ok(stub)
    }

    /// Reads physical memory from now on, if the stub can.
    fn switch(&mut self) -> Result<(), StubError> {
        let before = self.ask("qqemu.PhyMemMode")?;
        if !before.is_empty() && self.ask("Qqemu.PhyMemMode:1")? == b"OK" {
            self.physical = Some(before);
        }
        Ok(())
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

    fn known(&mut self, name: &str) -> Result<Register, StubError> {
        if self.registers.is_empty() {
            let text = self.feature("target.xml")?;
            let mut registers = features::Reader::default();
            registers.read(&text, &mut |file| self.feature(file))?;
            self.registers = registers.found;
        }
        let found = self.registers.iter().find(|register| register.name == name);
        let found = found.cloned();
        found.ok_or_else(|| StubError::Register(name.to_owned()))
    }

    /// A file of the target's description.
    fn feature(&mut self, file: &str) -> Result<String, StubError> {
        let mut text = Vec::new();
        let most = self.packet_bytes - 8;
        loop {
            let from = text.len();
            let said = self.ask(&format!("qXfer:features:read:{file}:{from:x},{most:x}"))?;
            match said.split_first() {
                Some((b'm', part)) if !part.is_empty() => text.extend(part),
                Some((b'l', part)) => {
                    text.extend(part);
                    return Ok(String::from_utf8_lossy(&text).into_owned());
                }
                _ => return Err(StubError::NoDescription),
            }
        }
    }

    fn ask(&mut self, question: &str) -> Result<Vec<u8>, StubError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(StubError::Stopped);
        }
        self.say(question)
    }

    fn say(&mut self, question: &str) -> Result<Vec<u8>, StubError> {
        if self.broken {
            return Err(StubError::Line(io::ErrorKind::BrokenPipe.into()));
        }
        let answer = packet::exchange(&mut self.reader, &mut self.writer, question.as_bytes());
        self.broken = answer.is_err();
        answer
    }
}

impl Source for Stub {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let outside = Outside {
            at,
            bytes: into.len(),
        };
        let most = (self.packet_bytes - 8) / 2;
        let mut done = 0;
        while done < into.len() {
            let from = at.wrapping_add(done as u64).raw();
            let count = (into.len() - done).min(most);
            let said = self
                .ask(&format!("m{from:x},{count:x}"))
                .map_err(ReadError::Stub)?;
            // A stub says E and a number; there is no memory then.
            let bytes = packet::bytes(&said)
                .filter(|bytes| !bytes.is_empty() && bytes.len() <= count)
                .ok_or(ReadError::Outside(outside))?;
            into[done..done + bytes.len()].copy_from_slice(&bytes);
            done += bytes.len();
        }
        Ok(())
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        if let Some(before) = self.physical.take() {
            let mut back = b"Qqemu.PhyMemMode:".to_vec();
            back.extend(before);
            let _ = self.say(&String::from_utf8_lossy(&back));
        }
        // The target runs on. What fails now is a line that broke, and was told of before.
        let parting = std::mem::take(&mut self.parting);
        let _ = self.say(&parting);
        let _ = self.writer.flush();
    }
}
