//! A hart behind a probe, as commands use it.

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

/// IDCODE of T-Head's C906.
const C906: u32 = 0x1000_0b6f;

/// Options for opening a hart.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The probe to open.
    pub selector: Selector,
    /// JTAG clock in kHz.
    pub speed_khz: Option<u32>,
    /// Stated facts about the chain.
    pub known: KnownChain,
    /// Index of the hart.
    pub hart: u32,
    /// The only method of memory access to use.
    pub by: Option<AccessMethod>,
    /// Whether the system bus is coherent with the hart's caches, if known.
    pub is_coherent: Option<bool>,
    /// Encoding of memory types, if the board states it.
    pub dialect: Option<Dialect>,
    /// Once set, only restoring operations are done.
    pub stop: Option<&'static AtomicBool>,
}

/// Facts about the probe, the chain, the module and the hart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Name of the probe.
    pub probe: String,
    /// The JTAG chain.
    pub chain: Chain,
    /// Address width of the debug module interface in bits.
    pub abits: usize,
    /// Idle clocks that the module requires between scans.
    pub idle: usize,
    /// Features of the module.
    pub offers: Offers,
    /// Whether the hart was halted on connection.
    pub was_halted: bool,
    /// Register width of the hart.
    pub xlen: Xlen,
    /// Value of `mvendorid`, if readable.
    pub vendor: Option<u64>,
    /// Usable methods of memory access, in order of preference.
    pub methods: Vec<AccessMethod>,
    /// Whether the system bus may return older memory than the hart.
    pub is_bus_doubtful: bool,
}

/// A hart behind a probe. It is restored on drop; [`Target::close`] reports errors of that.
pub struct Target {
    module: DebugModule,
    chain: Chain,
    options: Options,
    vendor: Option<Option<u64>>,
    /// Methods that were used for reads.
    used: BTreeSet<&'static str>,
}

impl Target {
    /// Opens the probe and finds the hart, without halting it.
    pub fn open(options: Options) -> Result<Target, ProbeError> {
        let probe = discovery::open(&options.selector, options.speed_khz)?;
        Target::on(probe, options)
    }

    /// A target on an open probe.
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

    /// IDCODE of the TAP with the debug module.
    pub fn idcode(&self) -> Option<u32> {
        self.chain.idcodes[self.chain.port]
    }

    /// Adds facts that a board file states, once the board is recognized.
    pub fn set_known(&mut self, told: impl FnOnce(&mut Options)) {
        told(&mut self.options);
    }

    /// Number of data register scans.
    pub fn scans(&self) -> u64 {
        self.module.dtm.scanner().scans()
    }

    /// Collects the facts. Halts the hart for a moment.
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

    /// Tests whether the module has a command for memory, on memory that the hart reads itself: its root
    /// table, or its next instruction.
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

    /// Register width of the hart. Halts it for a moment.
    pub fn xlen(&mut self) -> Result<Xlen, ProbeError> {
        self.module.xlen()
    }

    /// Value of `satp`. Halts the hart for a moment.
    pub fn satp(&mut self) -> Result<u64, ProbeError> {
        self.module.csr(SATP)
    }

    /// Value of a CSR. Halts the hart for a moment.
    pub fn csr(&mut self, number: u16) -> Result<u64, ProbeError> {
        self.go_on()?;
        self.module.csr(number)
    }

    /// Value of a general-purpose register. Halts the hart for a moment.
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

    /// Reads the vendor before the first memory access: it determines whether the system bus is reliable. A
    /// running hart keeps running; one that does not halt stays unidentified.
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

    /// Encoding of memory types, if the hart reports it. Only T-Head's harts are asked for T-Head's
    /// registers.
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

    /// Whether the system bus may return older memory than the hart would see.
    fn is_bus_doubtful(&self) -> bool {
        let looks_like_c906 = self.vendor == Some(Some(T_HEAD)) || self.idcode() == Some(C906);
        match self.options.is_coherent {
            Some(is_coherent) => !is_coherent,
            None => looks_like_c906,
        }
    }

    /// Methods in order of preference. If the bus may be stale, the hart's own loads come before it.
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

    /// Reads physical memory by the preferred method.
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

    /// Reads memory at virtual addresses, as S-mode would.
    pub fn read_virtual(&mut self, at: u64, into: &mut [u8]) -> Result<(), ProbeError> {
        self.module.read_virtual(at, into)
    }

    /// Methods that were used for reads.
    pub fn used(&self) -> Vec<AccessMethod> {
        let is_used = |method: &AccessMethod| self.used.contains(method.name());
        AccessMethod::ALL.into_iter().filter(is_used).collect()
    }

    /// Halts the hart, and leaves it halted.
    pub fn halt(&mut self) -> Result<(), ProbeError> {
        self.module.halt()?;
        self.module.keep_halted();
        Ok(())
    }

    /// Resumes the hart until it reaches an instruction, and halts it there. Returns false on a timeout; then
    /// it keeps running.
    pub fn halt_at(&mut self, address: u64, patience: Duration) -> Result<bool, ProbeError> {
        let deadline = Instant::now() + patience;
        let stop = self.options.stop;
        let is_stopped = || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let is_over = || is_stopped() || Instant::now() > deadline;
        breakpoint::halt_at(&mut self.module, address, is_over)
    }

    /// Whether the hart was halted on connection.
    pub fn was_halted(&self) -> bool {
        self.module.was_halted()
    }

    /// Resumes the hart, and leaves it running.
    pub fn resume(&mut self) -> Result<(), ProbeError> {
        self.module.resume()
    }

    /// Resets the board; the hart runs afterwards, or is halted at its first instruction.
    pub fn reset(&mut self, halts: bool) -> Result<(), ProbeError> {
        self.module.reset(halts)
    }

    /// Restores the hart.
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
