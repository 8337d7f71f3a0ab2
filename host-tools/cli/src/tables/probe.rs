//! Tables in memory that a probe reads.

#[cfg(not(feature = "probe"))]
use anyhow::bail;
use link::memory::MemorySpec;
#[cfg(feature = "probe")]
use link::memory::{Cached, MemorySource, RamOnly};
#[cfg(feature = "probe")]
use link::transport::Spec;
use model::CrashRegisters;
#[cfg(feature = "probe")]
use pagetable::Mode;

#[cfg(feature = "probe")]
use register::{RA, SCAUSE, SEPC, SP, STVAL};

#[cfg(feature = "probe")]
use super::decode_satp;
use super::{OpenTables, SpaceArgs};
#[cfg(feature = "probe")]
use crate::exit::UsageError;
#[cfg(feature = "probe")]
use crate::hart::{ProbeBoardArgs, ProbedHart};

/// Registers of a trap: Privileged spec, table 3; Unprivileged spec, register names of the calling
/// convention.
#[cfg(feature = "probe")]
mod register {
    pub const SEPC: u16 = 0x141;
    pub const SCAUSE: u16 = 0x142;
    pub const STVAL: u16 = 0x143;
    pub const RA: u8 = 1;
    pub const SP: u8 = 2;
}

/// Warning: reads may reach devices, which is acceptable on a dead kernel, but must be known.
#[cfg(feature = "probe")]
const UNKNOWN_RAM: &str = "warning: what is memory there is not known, and a wrong table may lead \
                           into a device; with --ram or --board nothing but memory is read";

#[cfg(not(feature = "probe"))]
const WITHOUT: &str = "this pagewalk was built without probes: cargo build -p cli --features probe";

impl SpaceArgs {
    /// Rejects options for probes if the source is not one.
    #[cfg(feature = "probe")]
    pub fn check_wires(&self, origins: &[MemorySpec]) -> anyhow::Result<()> {
        let is_probe = |origin: &MemorySpec| matches!(origin, MemorySpec::Line(Spec::Probe(_)));
        let is_stub = |origin: &MemorySpec| matches!(origin, MemorySpec::Line(Spec::Gdb(_)));
        let is_misused = match origins.iter().any(is_stub) {
            true => self.probe.is_of_wires(),
            false => self.probe.is_given(),
        };
        if is_misused && !origins.iter().any(is_probe) {
            let misuse = "--by, --speed and --chain go with --from probe, --hart with that or --from gdb://HOST:PORT";
            return Err(UsageError(misuse.to_owned()).into());
        }
        Ok(())
    }

    /// Without probe support there are no such options.
    #[cfg(not(feature = "probe"))]
    pub fn check_wires(&self, _: &[MemorySpec]) -> anyhow::Result<()> {
        Ok(())
    }

    /// The options for the hart at a probe.
    #[cfg(feature = "probe")]
    pub fn wiring(&self) -> ProbeBoardArgs {
        ProbeBoardArgs {
            board: self.machine.board.clone(),
            wires: self.probe.clone(),
        }
    }

    /// Memory of a hart through JTAG.
    #[cfg(feature = "probe")]
    pub(super) fn on_probe(&self, selector: &str) -> anyhow::Result<OpenTables> {
        let mut hart = ProbedHart::open(selector, &self.wiring())?;
        let xlen = match self.pte.xlen()? {
            Some(xlen) => xlen,
            None => hart.xlen()?,
        };
        let pmp_registers = match self.reads_pmp {
            true => super::pmp::of_probe(hart.target()?, xlen)?,
            false => Vec::new(),
        };
        let harts = match self.reads_registers {
            true => super::registers::of_probe(&mut hart, self.wiring().number())?,
            false => Vec::new(),
        };
        let roots = match self.is_given() {
            true => self.given(xlen)?,
            false => vec![decode_satp(hart.target()?.satp()?, xlen, self.pte.mode)?.into()],
        };
        // If the root table is in the RAM of the board with this IDCODE, it is that board.
        let looks_so = hart.ram().filter(|ram| {
            let mut begins = roots.iter().map(|root| root.satp.root.raw());
            begins.all(|at| (ram.first..=ram.last).contains(&at))
        });
        let ram = self.machine.ram().or(looks_so.map(|ram| vec![ram]));
        if ram.is_none() && roots.iter().any(|root| root.satp.mode != Mode::Bare) {
            eprintln!("{UNKNOWN_RAM}");
        }
        let dialect = hart.dialect()?;
        let source: Box<dyn MemorySource> = match &ram {
            Some(ram) => Box::new(RamOnly::new(hart, ram.clone())),
            None => Box::new(hart),
        };
        Ok(OpenTables {
            memory: Cached::new(source),
            roots,
            xlen,
            dialect,
            ram: ram.unwrap_or_default(),
            svade: None,
            cut_at: None,
            held: Vec::new(),
            pmp_registers,
            pmp: None,
            areas: Vec::new(),
            info: Default::default(),
            harts,
            names: Default::default(),
            kernel_file: None,
            are_roots_made: false,
        })
    }

    #[cfg(not(feature = "probe"))]
    pub(super) fn on_probe(&self, _: &str) -> anyhow::Result<OpenTables> {
        bail!(WITHOUT);
    }

    /// The last trap of the hart at a probe, from its registers.
    #[cfg(feature = "probe")]
    pub fn trap_at_probe(&self, selector: &str) -> anyhow::Result<CrashRegisters> {
        let mut hart = ProbedHart::open(selector, &self.wiring())?;
        let target = hart.target()?;
        let crash = CrashRegisters {
            scause: Some(target.csr(SCAUSE)?),
            sepc: Some(target.csr(SEPC)?),
            stval: Some(target.csr(STVAL)?),
            sp: Some(target.register(SP)?),
            ra: Some(target.register(RA)?),
            satp: Some(target.satp()?),
            ..CrashRegisters::default()
        };
        hart.close()?;
        Ok(crash)
    }

    #[cfg(not(feature = "probe"))]
    pub fn trap_at_probe(&self, _: &str) -> anyhow::Result<CrashRegisters> {
        bail!(WITHOUT);
    }
}
