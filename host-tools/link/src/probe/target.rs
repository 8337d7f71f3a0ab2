//! A hart behind a probe, as commands ask for it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pagetable::{Dialect, Mode, Outside, PhysAddr, Satp, Xlen};
use probe_rs::probe::Probe;

use super::access::{AccessMethod, AccessRefusal};
use super::chain::{self, Chain, KnownChain};
use super::debug_module::{DebugModule, Offers};
use super::discovery::{self, Selector};
use super::dtm::Dtm;
use super::scan::Scanner;
use super::{ProbeError, breakpoint};
use crate::memory::{MemorySource, ReadError};

/// CSRs: Privileged spec, table 3; T-Head's extension, `th.sxstatus`.
const SATP: u16 = 0x180;
const DPC: u16 = 0x7b1;
const TH_SXSTATUS: u16 = 0x5c0;
const MAEE: u64 = 1 << 21;
const MVENDORID: u16 = 0xf11;
const T_HEAD: u64 = 0x5b7;

/// The port of T-Head's C906.
const C906: u32 = 0x1000_0b6f;

/// What is known before the first bit is shifted.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which probe.
    pub selector: Selector,
    /// Its clock in kHz.
    pub speed_khz: Option<u32>,
    /// What is on the chain.
    pub known: KnownChain,
    /// Which hart.
    pub hart: u32,
    /// The only way to memory that is to be used.
    pub by: Option<AccessMethod>,
    /// The system bus is known to see what the hart's cache holds, or known not to.
    pub is_coherent: Option<bool>,
    /// The way entries are written, where the board says it.
    pub dialect: Option<Dialect>,
    /// Once this is set nothing more is asked, but to put back what was changed.
    pub stop: Option<&'static AtomicBool>,
}

/// What there is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What the probe is called.
    pub probe: String,
    /// The chain.
    pub chain: Chain,
    /// Bits of an address on the debug bus.
    pub abits: usize,
    /// Clocks that the module asks for between two scans.
    pub idle: usize,
    /// What the module offers.
    pub offers: Offers,
    /// The hart was halted when we came.
    pub was_halted: bool,
    /// Width of its registers.
    pub xlen: Xlen,
    /// `mvendorid`, if it tells.
    pub vendor: Option<u64>,
    /// Ways to memory, the first that is used first.
    pub methods: Vec<AccessMethod>,
    /// The system bus may see older memory than the hart.
    pub is_bus_doubtful: bool,
}

/// A hart behind a probe. It is as it was when this goes; [`Target::close`] tells if not.
pub struct Target {
    module: DebugModule,
    chain: Chain,
    options: Options,
    vendor: Option<Option<u64>>,
    /// Ways that memory was read.
    used: BTreeSet<&'static str>,
}

impl Target {
    /// Opens the probe and looks for the hart, which goes on meanwhile.
    pub fn open(options: Options) -> Result<Target, ProbeError> {
        let probe = discovery::open(&options.selector, options.speed_khz)?;
        Target::on(probe, options)
    }

    /// The same on a probe that is open.
    pub fn on(probe: Probe, options: Options) -> Result<Target, ProbeError> {
        let mut wires = Scanner::new(probe)?;
        let chain = chain::look(&mut wires, &options.known)?;
        let module = DebugModule::open(Dtm::open(wires)?, options.hart)?;
        Ok(Target {
            module,
            chain,
            options,
            vendor: None,
            used: BTreeSet::new(),
        })
    }

    /// What the port of the debug module says that it is.
    pub fn idcode(&self) -> Option<u32> {
        self.chain.idcodes[self.chain.port]
    }

    /// Says what a board is known to be like, once it is known which it is.
    pub fn set_known(&mut self, told: impl FnOnce(&mut Options)) {
        told(&mut self.options);
    }

    /// How often a data register was scanned.
    pub fn scans(&self) -> u64 {
        self.module.dtm.scanner().scans()
    }

    /// What there is. Halts the hart for a moment.
    pub fn info(&mut self) -> Result<Info, ProbeError> {
        let was_halted = self.module.was_halted();
        let xlen = self.module.xlen()?;
        let vendor = self.vendor()?;
        self.try_abstract(xlen)?;
        Ok(Info {
            probe: self.module.dtm.scanner().name(),
            chain: self.chain.clone(),
            abits: self.module.dtm.abits,
            idle: self.module.dtm.asked_idle,
            offers: self.module.offers,
            was_halted,
            xlen,
            vendor,
            methods: self.methods(),
            is_bus_doubtful: self.is_bus_doubtful(),
        })
    }

    /// Looks whether the module has a command for memory, with memory that the hart reads itself:
    /// its root table, or its next instruction.
    fn try_abstract(&mut self, xlen: Xlen) -> Result<(), ProbeError> {
        if !self.module.methods().contains(&AccessMethod::Abstract) {
            return Ok(());
        }
        let satp = Satp::decode(self.module.csr(SATP)?, xlen);
        let at = match satp.map(|satp| (satp.mode, satp.root.raw())) {
            Ok((Mode::Bare, _)) | Err(_) => self.module.csr(DPC)? & !7,
            Ok((_, root)) => root,
        };
        match self.module.read(at, &mut [0; 4], &[AccessMethod::Abstract]) {
            Ok(_) | Err(ProbeError::Unreachable { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Width of the hart's registers. Halts the hart for a moment.
    pub fn xlen(&mut self) -> Result<Xlen, ProbeError> {
        self.module.xlen()
    }

    /// `satp`. Halts the hart for a moment.
    pub fn satp(&mut self) -> Result<u64, ProbeError> {
        self.module.csr(SATP)
    }

    /// A CSR. Halts the hart for a moment.
    pub fn csr(&mut self, number: u16) -> Result<u64, ProbeError> {
        self.go_on()?;
        self.module.csr(number)
    }

    /// A general register. Halts the hart for a moment.
    pub fn register(&mut self, number: u8) -> Result<u64, ProbeError> {
        self.module.register(number)
    }

    fn vendor(&mut self) -> Result<Option<u64>, ProbeError> {
        if let Some(known) = self.vendor {
            return Ok(known);
        }
        let vendor = match self.module.csr(MVENDORID) {
            Ok(vendor) => Some(vendor),
            Err(ProbeError::NoRegister(..)) => None,
            Err(error) => return Err(error),
        };
        self.vendor = Some(vendor);
        Ok(vendor)
    }

    /// Learns whose hart it is before its memory is read: on that depends what the system bus is
    /// worth. One that ran runs on; one that does not halt does not tell.
    fn meet(&mut self) -> Result<(), ProbeError> {
        if self.options.is_coherent.is_some() || self.vendor.is_some() {
            return Ok(());
        }
        let stood = self.module.is_halted();
        match self.vendor() {
            Ok(_) => {}
            Err(ProbeError::NotHalted) => self.vendor = Some(None),
            Err(error) => return Err(error),
        }
        match stood {
            true => Ok(()),
            false => self.module.close(),
        }
    }

    /// How memory types are written, where the hart tells. Only T-Head's harts are asked for what
    /// only they have.
    pub fn dialect(&mut self) -> Result<Option<Dialect>, ProbeError> {
        if self.xlen()? == Xlen::Rv64 && self.vendor()? == Some(T_HEAD) {
            let status = self.module.csr(TH_SXSTATUS)?;
            return Ok(Some(match status & MAEE != 0 {
                true => Dialect::THead,
                false => Dialect::None,
            }));
        }
        Ok(self.options.dialect)
    }

    /// Whether what the system bus reads may be older than what the hart would see.
    fn is_bus_doubtful(&self) -> bool {
        let looks_like_c906 = self.vendor == Some(Some(T_HEAD)) || self.idcode() == Some(C906);
        match self.options.is_coherent {
            Some(is_coherent) => !is_coherent,
            None => looks_like_c906,
        }
    }

    /// Ways to memory, the first that is used first. Where the bus is in doubt the hart itself
    /// is asked before it.
    fn methods(&self) -> Vec<AccessMethod> {
        let mut methods = self.module.methods();
        if let Some(only) = self.options.by {
            methods.retain(|method| *method == only);
        }
        if self.is_bus_doubtful() {
            methods.sort_by_key(|method| *method == AccessMethod::Bus);
        }
        methods
    }

    fn go_on(&self) -> Result<(), ProbeError> {
        match self
            .options
            .stop
            .is_some_and(|stop| stop.load(Ordering::Relaxed))
        {
            true => Err(ProbeError::Stopped),
            false => Ok(()),
        }
    }

    /// Reads physical memory.
    pub fn read_physical(&mut self, at: u64, into: &mut [u8]) -> Result<(), ProbeError> {
        self.go_on()?;
        self.meet()?;
        let methods = self.methods();
        let method = match (methods.is_empty(), self.options.by) {
            (true, Some(only)) => {
                let tried = vec![(only, AccessRefusal::NotThere)];
                return Err(ProbeError::Unreachable { at, tried });
            }
            _ => self.module.read(at, into, &methods)?,
        };
        self.used.insert(method.name());
        Ok(())
    }

    /// Reads memory at virtual addresses, as S-mode of the hart would.
    pub fn read_virtual(&mut self, at: u64, into: &mut [u8]) -> Result<(), ProbeError> {
        self.module.read_virtual(at, into)
    }

    /// Ways that memory was read.
    pub fn used(&self) -> Vec<AccessMethod> {
        let is_used = |method: &AccessMethod| self.used.contains(method.name());
        AccessMethod::ALL.into_iter().filter(is_used).collect()
    }

    /// Halts the hart, for good.
    pub fn halt(&mut self) -> Result<(), ProbeError> {
        self.module.halt()?;
        self.module.keep_halted();
        Ok(())
    }

    /// Lets the hart run until it comes to an instruction, and keeps it there. False where it
    /// did not come in time; it runs on then.
    pub fn halt_at(&mut self, address: u64, patience: Duration) -> Result<bool, ProbeError> {
        let deadline = Instant::now() + patience;
        let stop = self.options.stop;
        let is_stopped = || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let is_over = || is_stopped() || Instant::now() > deadline;
        breakpoint::halt_at(&mut self.module, address, is_over)
    }

    /// Whether the hart was halted when we came.
    pub fn was_halted(&self) -> bool {
        self.module.was_halted()
    }

    /// Lets the hart run.
    pub fn resume(&mut self) -> Result<(), ProbeError> {
        self.module.resume()
    }

    /// Resets the board; the hart runs afterwards, or stands on its first instruction.
    pub fn reset(&mut self, halts: bool) -> Result<(), ProbeError> {
        self.module.reset(halts)
    }

    /// Leaves the hart as it was.
    pub fn close(mut self) -> Result<(), ProbeError> {
        self.module.close()
    }
}

impl MemorySource for Target {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        let bytes = into.len();
        let outside = || ReadError::Outside(Outside { at, bytes });
        self.read_physical(at.raw(), into)
            .map_err(|error| match error {
                ProbeError::Unreachable { tried, .. }
                    if tried
                        .iter()
                        .any(|(_, refusal)| *refusal == AccessRefusal::NoMemory) =>
                {
                    outside()
                }
                error => ReadError::Probe(Box::new(error)),
            })
    }

    fn is_possibly_stale(&self) -> bool {
        self.is_bus_doubtful() && self.used.contains(AccessMethod::Bus.name())
    }
}
