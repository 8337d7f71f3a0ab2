//! The hart behind a simulated debug module, for JTAG over `remote_bitbang`.
//!
//! ```text
//! probe, OpenOCD --> pins --> link's TAP and module --> halted hart <== registers ==> machine
//!                                              `------> memory ----------------------> machine
//! ```
//!
//! The module has a hart of its own, which executes nothing but program buffers. When it is halted it gets the
//! registers of the machine, and when it is resumed the machine gets them back. Sources: Debug spec 0.13, §3.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use link::probe::sim::{
    LiveMemory, Profile, SimulatedHart, SimulatedModule, SimulatedRam, SimulatedTap, csr, drive,
};
use machine::{PrivilegeLevel, StrictMachine};
use pagetable::PhysAddr;

use super::debug_port::{DebugPort, GoOn, SharedMachine, lock};

/// How long a client that asks and asks keeps the hart from going on.
const TURN: Duration = Duration::from_millis(20);
/// How long the next question of a client may take, for it to be one conversation.
const PAUSE: Duration = Duration::from_millis(3);
/// `dcsr.cause`: a trigger, and a step.
const TRIGGER: u64 = 2;
const STEP: u64 = 4;
/// `sstatus` and `sxstatus`, and what S-mode's traps hold.
const SSTATUS: u32 = 0x100;
const S_MODE: [u32; 11] = [
    0x104, 0x105, 0x106, 0x140, 0x141, 0x142, 0x143, 0x144, 0x180, 0x001, 0x002,
];
/// What OpenSBI's boot log of an Ox64 says: MEDELEG and MIDELEG.
const DELEGATED: [(u16, u64); 2] = [(0x302, 0xb109), (0x303, 0x222)];
/// M-mode's own registers: the played firmware has none.
const M_MODE: [u16; 8] = [0x304, 0x305, 0x306, 0x340, 0x341, 0x342, 0x343, 0x344];
/// Bits of `mstatus` that `sstatus` shows.
const SHOWN: u64 = 0x8000_0003_000d_e122;

/// A port, and the client at it.
pub struct JtagPort {
    listener: TcpListener,
    peer: Option<TcpStream>,
    tap: SimulatedTap,
    tck: bool,
    machine: SharedMachine,
    was_halted: bool,
}

impl JtagPort {
    /// Listens on this port of this machine; 0 takes a free one.
    pub fn open(port: u16, machine: &SharedMachine) -> io::Result<JtagPort> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let profile = Profile::C906;
        let mut hart = SimulatedHart::new(&profile, 0, 0);
        hart.is_external = true;
        take(&mut hart, &mut lock(machine));
        let ram = SimulatedRam::live(MachineRam(machine.clone()));
        let module = SimulatedModule::new(profile, vec![hart], ram);
        Ok(JtagPort {
            listener,
            peer: None,
            tap: SimulatedTap::new(profile, module),
            tck: false,
            machine: machine.clone(),
            was_halted: false,
        })
    }

    /// The port that it listens on.
    pub fn port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    fn is_halted(&self) -> bool {
        self.tap.module.harts[0].is_halted
    }

    /// As long as the client asks, but for at most a turn; an error is the end of the client.
    fn converse(&mut self) -> io::Result<()> {
        let Some(mut peer) = self.peer.as_ref() else {
            return Ok(());
        };
        let began = Instant::now();
        let mut wait = self.was_halted;
        let (mut asked, mut said) = (vec![0; 1 << 16], Vec::new());
        while began.elapsed() < TURN {
            peer.set_nonblocking(!wait)?;
            peer.set_read_timeout(Some(PAUSE))?;
            let length = match peer.read(&mut asked) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) => length,
                Err(error) => {
                    return match error.kind() {
                        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                            Ok(())
                        }
                        _ => Err(error),
                    };
                }
            };
            wait = true;
            said.clear();
            let (was_halted, machine) = (&mut self.was_halted, &self.machine);
            let at_edge = |tap: &mut SimulatedTap| follow(tap, was_halted, machine);
            let stays = drive(
                &mut self.tap,
                &mut self.tck,
                &asked[..length],
                &mut said,
                at_edge,
            );
            peer.set_nonblocking(false)?;
            peer.write_all(&said)?;
            if !stays {
                return Err(ErrorKind::ConnectionAborted.into());
            }
        }
        Ok(())
    }
}

impl DebugPort for JtagPort {
    fn serve(&mut self) -> GoOn {
        if self.peer.is_none()
            && let Ok((stream, _)) = self.listener.accept()
        {
            self.peer = stream.set_nodelay(true).is_ok().then_some(stream);
        }
        if self.converse().is_err() {
            // A probe that is pulled out leaves the hart as it is, halted or not.
            self.peer = None;
        }
        match self.tap.module.harts[0].steps() {
            _ if self.is_halted() => GoOn::Not,
            true => GoOn::Step,
            false => GoOn::Freely,
        }
    }

    fn stopped(&mut self) {
        let hart = &mut self.tap.module.harts[0];
        hart.halt(if hart.steps() { STEP } else { TRIGGER });
        follow(&mut self.tap, &mut self.was_halted, &self.machine);
    }
}

/// Registers go to the module when it has halted the hart, and come back when it has resumed it.
fn follow(tap: &mut SimulatedTap, was_halted: &mut bool, machine: &SharedMachine) {
    let hart = &mut tap.module.harts[0];
    if hart.is_halted == *was_halted {
        return;
    }
    *was_halted = hart.is_halted;
    let machine = &mut lock(machine);
    if hart.is_halted {
        take(hart, machine);
    } else {
        give(hart, machine);
    }
}

fn take(hart: &mut SimulatedHart, machine: &mut StrictMachine) {
    hart.gpr.copy_from_slice(&machine.hart.x[..32]);
    hart.gpr[0] = 0;
    hart.set_privilege(match machine.hart.level {
        PrivilegeLevel::User => 0,
        PrivilegeLevel::Supervisor => 1,
    });
    let status = machine.debug_csr(SSTATUS).unwrap_or(0);
    let others = M_MODE.map(|number| (number, 0));
    let fixed = [(csr::DPC, machine.hart.pc), (csr::MSTATUS, status)];
    hart.csr
        .extend(fixed.into_iter().chain(DELEGATED).chain(others));
    for number in S_MODE.into_iter().chain([SSTATUS, csr::TH_SXSTATUS.into()]) {
        if let Some(value) = machine.debug_csr(number) {
            hart.csr.insert(number as u16, value);
        }
    }
}

/// What is not the hart's to have is left out, as by a WARL register.
fn give(hart: &SimulatedHart, machine: &mut StrictMachine) {
    machine.hart.x[1..32].copy_from_slice(&hart.gpr[1..]);
    machine.hart.pc = hart.csr[&csr::DPC] & !1;
    machine.hart.level = match hart.privilege() {
        0 => PrivilegeLevel::User,
        _ => PrivilegeLevel::Supervisor,
    };
    let changed = |machine: &mut StrictMachine, number: u32, value: u64| {
        if machine.debug_csr(number) != Some(value) {
            machine.debug_set_csr(number, value);
        }
    };
    for number in S_MODE {
        if let Some(value) = hart.csr.get(&(number as u16)) {
            changed(machine, number, *value);
        }
    }
    // mstatus and sstatus are one register: whichever was written.
    let before = machine.debug_csr(SSTATUS).unwrap_or(0);
    let seen = [csr::MSTATUS, SSTATUS as u16].map(|number| hart.csr[&number] & SHOWN);
    let status = seen.into_iter().find(|status| *status != before & SHOWN);
    changed(machine, SSTATUS, status.unwrap_or(before));
    // Breakpoints may have been written over instructions.
    machine.debug_fence();
    machine.set_breakpoints(hart.stops());
}

/// The machine's memory, as a module reaches it.
struct MachineRam(SharedMachine);

impl LiveMemory for MachineRam {
    fn read(&mut self, at: PhysAddr, into: &mut [u8], as_hart: bool) -> Option<()> {
        lock(&self.0).debug_load(at.raw(), into, as_hart)
    }

    fn write(&mut self, at: PhysAddr, bytes: &[u8]) -> Option<()> {
        lock(&self.0).debug_store(at.raw(), bytes)
    }
}
