//! A gdb stub for the hart itself: `target remote`, and `--from gdb://` for page tables.
//!
//! Protocol: "Debugging with GDB", appendix E. Memory is virtual, as the hart has it now, or physical after
//! `Qqemu.PhyMemMode:1`, a packet of QEMU's that crate `gdbstub` has no place for: reading tables needs it.
//! Devices are not read: a read may take a byte out of a FIFO. The hart stops while gdb is attached, until
//! gdb lets it run.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use machine::StrictMachine;

use super::debug_port::{DebugPort, GoOn, SharedMachine, lock};

/// The largest packet in bytes, which gdb is asked to keep to.
const PACKET: usize = 0x4000;
/// CSR n is register 65 + n, as in gdb's own `riscv-tdep.h`.
const CSR: u32 = 65;
#[rustfmt::skip]
const CSRS: &[(&str, u32)] = &[
    ("sstatus", 0x100), ("sie", 0x104), ("stvec", 0x105), ("sscratch", 0x140), ("sepc", 0x141),
    ("scause", 0x142), ("stval", 0x143), ("sip", 0x144), ("satp", 0x180),
];
/// `SIGTRAP` and `SIGINT`, as gdb numbers them.
const TRAPPED: &str = "S05";
const INTERRUPTED: &str = "S02";
/// Ctrl-C, between packets.
const BREAK: u8 = 3;

/// A port, and the gdb that is connected to it.
pub struct GdbPort {
    listener: TcpListener,
    peer: Option<GdbPeer>,
    machine: SharedMachine,
}

struct GdbPeer {
    stream: TcpStream,
    received: Vec<u8>,
    is_running: bool,
    is_physical: bool,
    acknowledges: bool,
    breakpoints: Vec<u64>,
}

impl GdbPort {
    /// Listens on this port of this machine; 0 takes a free one.
    pub fn open(port: u16, machine: &SharedMachine) -> io::Result<GdbPort> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        Ok(GdbPort {
            listener,
            peer: None,
            machine: machine.clone(),
        })
    }

    /// The port that it listens on.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    fn accept(&mut self) {
        let Ok((stream, _)) = self.listener.accept() else {
            return;
        };
        let ready = stream.set_nodelay(true).is_ok() && stream.set_nonblocking(false).is_ok();
        self.peer = ready.then_some(GdbPeer {
            stream,
            received: Vec::new(),
            is_running: false,
            is_physical: false,
            acknowledges: true,
            breakpoints: Vec::new(),
        });
    }
}

impl DebugPort for GdbPort {
    /// Waits for gdb while the hart is stopped.
    fn serve(&mut self) -> GoOn {
        if self.peer.is_none() {
            self.accept();
        }
        let Some(peer) = &mut self.peer else {
            return GoOn::Freely;
        };
        let machine = &mut lock(&self.machine);
        match peer.serve(machine) {
            Ok(go_on) => go_on,
            Err(_) => {
                // It has gone: the hart runs on without breakpoints.
                self.peer = None;
                machine.set_breakpoints(Vec::new());
                GoOn::Freely
            }
        }
    }

    fn stopped(&mut self) {
        if let Some(peer) = &mut self.peer {
            peer.is_running = false;
            // A line that is gone is found out at the next packet.
            let _ = peer.send(TRAPPED);
        }
    }
}

impl GdbPeer {
    fn serve(&mut self, machine: &mut StrictMachine) -> io::Result<GoOn> {
        loop {
            while let Some(packet) = self.packet()? {
                if let Some(go_on) = self.answer(&packet, machine)? {
                    self.is_running = true;
                    return Ok(go_on);
                }
            }
            self.stream.set_nonblocking(self.is_running)?;
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => self.received.extend(&piece[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(GoOn::Freely),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.received.len() > 2 * PACKET {
                return Err(ErrorKind::InvalidData.into());
            }
            // Whatever comes to a running hart stops it, as at QEMU.
            if self.is_running {
                self.is_running = false;
                self.stream.set_nonblocking(false)?;
                if self.received.first() == Some(&BREAK) {
                    self.send(INTERRUPTED)?;
                }
            }
        }
    }

    /// The next whole packet; what is between packets is acknowledgements and Ctrl-C.
    fn packet(&mut self) -> io::Result<Option<String>> {
        let Some(begin) = self.received.iter().position(|&byte| byte == b'$') else {
            self.received.clear();
            return Ok(None);
        };
        let Some(end) = self.received.iter().position(|&byte| byte == b'#') else {
            return Ok(None);
        };
        if self.received.len() < end + 3 {
            return Ok(None);
        }
        let body = self.received.get(begin + 1..end).unwrap_or_default();
        let body = String::from_utf8_lossy(body).into_owned();
        self.received.drain(..end + 3);
        if self.acknowledges {
            self.stream.write_all(b"+")?;
        }
        Ok(Some(body))
    }

    fn send(&mut self, body: &str) -> io::Result<()> {
        let sum = body.bytes().fold(0u8, u8::wrapping_add);
        self.stream.set_nonblocking(false)?;
        self.stream
            .write_all(format!("${body}#{sum:02x}").as_bytes())
    }

    /// Answers one; says how the hart goes on if it does.
    fn answer(&mut self, packet: &str, machine: &mut StrictMachine) -> io::Result<Option<GoOn>> {
        let go_on = match packet {
            "c" | "vCont;c" => Some(GoOn::Freely),
            "D" => {
                self.breakpoints.clear();
                machine.set_breakpoints(Vec::new());
                self.send("OK")?;
                Some(GoOn::Freely)
            }
            _ if packet.starts_with("vCont;c") => Some(GoOn::Freely),
            "s" => Some(GoOn::Step),
            _ if packet.starts_with("vCont;s") => Some(GoOn::Step),
            _ => None,
        };
        if go_on.is_none() {
            let said = self.said(packet, machine);
            self.send(&said)?;
        }
        Ok(go_on)
    }

    fn said(&mut self, packet: &str, machine: &mut StrictMachine) -> String {
        let (first, rest) = packet.split_at(packet.len().min(1));
        match first {
            "?" => TRAPPED.to_owned(),
            "g" => registers(machine),
            "p" => number(rest)
                .and_then(|it| register(machine, it))
                .map_or("E01".into(), word),
            "m" => self
                .memory(rest, machine)
                .unwrap_or_else(|| "E0e".to_owned()),
            "Z" | "z" => self.breakpoint(first == "Z", rest, machine),
            "H" => "OK".to_owned(),
            _ => self.query(packet),
        }
    }

    fn query(&mut self, packet: &str) -> String {
        match packet {
            "QStartNoAckMode" => {
                self.acknowledges = false;
                "OK".to_owned()
            }
            "qqemu.PhyMemMode" => u8::from(self.is_physical).to_string(),
            "Qqemu.PhyMemMode:1" | "Qqemu.PhyMemMode:0" => {
                self.is_physical = packet.ends_with('1');
                "OK".to_owned()
            }
            "vCont?" => "vCont;c;C;s;S".to_owned(),
            "qAttached" => "1".to_owned(),
            _ if packet.starts_with("qSupported") => format!(
                "PacketSize={PACKET:x};qXfer:features:read+;qXfer:memory-map:read+;QStartNoAckMode+"
            ),
            _ => transfer(packet).unwrap_or_default(),
        }
    }

    /// `ADDRESS,LENGTH` of RAM.
    fn memory(&self, range: &str, machine: &mut StrictMachine) -> Option<String> {
        let (address, length) = range.split_once(',')?;
        let (mut va, mut left) = (number(address)?, number(length)?.min(PACKET as u64 / 2));
        let mut said = String::new();
        while left > 0 {
            let pa = if self.is_physical {
                Some(va)
            } else {
                machine.debug_translate(va)
            };
            let piece = left.min(4096 - va % 4096);
            let at = pa.and_then(|pa| machine.ram.offset(pa, piece as usize));
            let bytes = at.and_then(|at| machine.ram.bytes(at, piece as usize));
            let Some(bytes) = bytes else {
                break;
            };
            hex(&mut said, bytes);
            (va, left) = (va.wrapping_add(piece), left - piece);
        }
        // As much as there is.
        (!said.is_empty()).then_some(said)
    }

    /// `0,ADDRESS,…` and `1,ADDRESS,…`: the hart stops before the instruction.
    fn breakpoint(&mut self, is_set: bool, rest: &str, machine: &mut StrictMachine) -> String {
        let mut words = rest.split(',');
        let kind = words.next().unwrap_or_default();
        let Some(at) = words
            .next()
            .and_then(number)
            .filter(|_| matches!(kind, "0" | "1"))
        else {
            return String::new();
        };
        self.breakpoints.retain(|&it| it != at);
        if is_set {
            self.breakpoints.push(at);
        }
        machine.set_breakpoints(self.breakpoints.clone());
        "OK".to_owned()
    }
}

fn number(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

fn hex(into: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A string takes all that is written.
        let _ = write!(into, "{byte:02x}");
    }
}

fn word(value: u64) -> String {
    let mut said = String::new();
    hex(&mut said, &value.to_le_bytes());
    said
}

fn registers(machine: &mut StrictMachine) -> String {
    let numbers = 0..=32;
    numbers
        .filter_map(|it| register(machine, it))
        .map(word)
        .collect()
}

fn register(machine: &mut StrictMachine, number: u64) -> Option<u64> {
    match number {
        0..=31 => Some(machine.hart.x[number as usize]),
        32 => Some(machine.hart.pc),
        33..=64 => Some(machine.hart.f[number as usize - 33]),
        _ => machine.debug_csr(u32::try_from(number).ok()? - CSR),
    }
}

/// `qXfer:OBJECT:read:NAME:OFFSET,LENGTH`.
fn transfer(packet: &str) -> Option<String> {
    let (object, range) = packet.strip_prefix("qXfer:")?.rsplit_once(':')?;
    let text = match object {
        "features:read:target.xml" => description(),
        "memory-map:read:" => memory_map()?,
        _ => return Some("E00".to_owned()),
    };
    let (from, length) = range.split_once(',')?;
    let from = usize::try_from(number(from)?).ok()?;
    let length = usize::try_from(number(length)?).ok()?;
    let rest = text.get(from..)?;
    let part = rest.get(..length.min(rest.len()))?;
    let more = if part.len() < rest.len() { 'm' } else { 'l' };
    Some(format!("{more}{part}"))
}

fn memory_map() -> Option<String> {
    let board = boards::by_name("ox64").ok()?;
    let (base, size) = (board.ram.base, board.ram.size);
    Some(format!(
        "<memory-map><memory type=\"ram\" start=\"{base:#x}\" length=\"{size:#x}\"/></memory-map>"
    ))
}

fn description() -> String {
    const NAMES: &str = "zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6 pc";
    let mut text = String::from(
        "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>riscv:rv64</architecture><feature name=\"org.gnu.gdb.riscv.cpu\">",
    );
    for (at, name) in NAMES.split(' ').enumerate() {
        let kind = match name {
            "pc" | "ra" => "code_ptr",
            _ => "int",
        };
        let _ = write!(
            text,
            "<reg name=\"{name}\" bitsize=\"64\" type=\"{kind}\" regnum=\"{at}\"/>"
        );
    }
    text.push_str("</feature><feature name=\"org.gnu.gdb.riscv.csr\">");
    for (name, csr) in CSRS {
        let at = CSR + csr;
        let _ = write!(
            text,
            "<reg name=\"{name}\" bitsize=\"64\" regnum=\"{at}\"/>"
        );
    }
    text.push_str("</feature></target>");
    text
}
