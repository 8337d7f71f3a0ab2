//! The hart at a probe, and its options on the command line.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::Context;
use boards::Board;
use clap::ValueEnum;
use link::memory::{MemorySource, PhysRange, ReadError};
use link::probe::{AccessMethod, KnownChain, Options, ProbeError, Selector, Target};
use pagetable::{Dialect, PhysAddr, Xlen};

use crate::board_file::{board, dialect};
use crate::ending;
use crate::exit::UsageError;

/// Values of `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// System bus access; may bypass the hart's caches
    Bus,
    /// Loads that the hart executes
    Program,
    /// The module's abstract command for memory
    Abstract,
}

/// Heading of these options in the help.
const WITH: &str = "With a probe";

/// Facts about the board at a probe.
#[derive(clap::Args, Clone, Default)]
pub struct ProbeBoardArgs {
    /// The board; without it, the board is recognized by its IDCODE
    #[arg(help_heading = WITH, long, value_name = "NAME|FILE", value_parser = board)]
    pub board: Option<Board>,
    #[command(flatten)]
    pub wires: ProbeArgs,
}

/// The hart, and the method of access.
#[derive(clap::Args, Clone, Default)]
pub struct ProbeArgs {
    /// Index of the hart, from 0; at a gdb stub, of its thread
    #[arg(help_heading = WITH, long, value_name = "NUMBER")]
    hart: Option<u32>,
    /// Use only this method of memory access
    #[arg(
        help_heading = WITH,
        long,
        value_enum,
        hide_possible_values = true,
        value_name = "bus|program|abstract"
    )]
    by: Option<By>,
    /// Clock of the probe in kHz
    #[arg(help_heading = WITH, long, value_name = "KHZ", value_parser = clap::value_parser!(u32).range(1..))]
    speed: Option<u32>,
    /// Length in bits of each TAP's instruction register on the chain, from TDO to TDI
    #[arg(help_heading = WITH, long, value_name = "BITS,…", value_delimiter = ',')]
    chain: Vec<u8>,
}

impl ProbeArgs {
    /// Index of the hart, if it was given.
    pub fn hart(&self) -> Option<u32> {
        self.hart
    }

    /// Whether any option was given that a gdb stub does not have.
    pub fn is_of_wires(&self) -> bool {
        self.by.is_some() || self.speed.is_some() || !self.chain.is_empty()
    }

    /// Whether any of these options was given.
    pub fn is_given(&self) -> bool {
        let ProbeArgs {
            hart,
            by,
            speed,
            chain,
        } = self;
        hart.is_some() || by.is_some() || speed.is_some() || !chain.is_empty()
    }
}

impl ProbeBoardArgs {
    /// Index of the chosen hart.
    pub fn number(&self) -> u32 {
        self.wires.hart.unwrap_or_default()
    }
}

/// Set when the user interrupts.
static STOP: AtomicBool = AtomicBool::new(false);

/// Number of harts in use, whose changes have to be restored.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Ctrl-C must not leave a hart halted or with changed registers. While none is in use, the program ends at
/// once.
fn interrupted() {
    STOP.store(true, Ordering::SeqCst);
    if ASKED.load(Ordering::SeqCst) == 0 {
        std::process::exit(ending::INTERRUPTED);
    }
}

/// Marks a hart as in use until it is dropped.
struct BusyGuard;

impl BusyGuard {
    fn begin() -> BusyGuard {
        ASKED.fetch_add(1, Ordering::SeqCst);
        // One handler serves all harts; an error means that it is installed.
        let _ = ctrlc::set_handler(interrupted);
        BusyGuard
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A hart at a probe. It is restored at the end of every command.
pub struct ProbedHart {
    target: Option<Box<Target>>,
    board: Option<Board>,
    /// Dropped last, after the hart was restored.
    _asked: BusyGuard,
}

impl ProbedHart {
    /// Opens the probe with that name, or the only one, and finds the hart.
    pub fn open(selector: &str, wiring: &ProbeBoardArgs) -> anyhow::Result<ProbedHart> {
        let selector = match selector {
            "" => Selector::Only,
            name => name
                .parse()
                .map_err(|error: ProbeError| UsageError(error.to_string()))?,
        };
        let said = wiring.board.clone();
        let jtag = said.as_ref().and_then(|board| board.jtag.as_ref());
        let mut ir_bits = wiring.wires.chain.clone();
        if let (true, Some(jtag)) = (ir_bits.is_empty(), jtag) {
            ir_bits.clone_from(&jtag.ir_bits);
        }
        let asked = BusyGuard::begin();
        let options = Options {
            selector,
            speed_khz: wiring.wires.speed,
            known: KnownChain {
                idcode: jtag.map(|jtag| jtag.idcode),
                ir_bits,
            },
            hart: wiring.number(),
            by: wiring.wires.by.map(|by| match by {
                By::Bus => AccessMethod::Bus,
                By::Program => AccessMethod::Program,
                By::Abstract => AccessMethod::Abstract,
            }),
            stop: Some(&STOP),
            ..Options::default()
        };
        let mut target = Target::open(options)?;
        let idcode = target.idcode();
        if let (Some(board), Some(jtag)) = (&said, jtag)
            && idcode != Some(jtag.idcode)
        {
            let found = idcode.map_or("nothing".to_owned(), |it| format!("{it:#010x}"));
            eprintln!(
                "warning: the port of {} was thought to say {:#010x}; this one says {found}",
                board.name, jtag.idcode
            );
        }
        let is_known = said.is_some();
        let board = said.or_else(|| by_port(idcode));
        if let Some(board) = &board {
            target.set_known(|options| learn(options, board, is_known));
        }
        let target = Some(Box::new(target));
        Ok(ProbedHart {
            target,
            board,
            _asked: asked,
        })
    }

    /// Name of the board; `None` if it is not recognized.
    pub fn board(&self) -> Option<String> {
        self.board.as_ref().map(|board| board.name.clone())
    }

    /// The hart, until it is closed.
    pub fn target(&mut self) -> anyhow::Result<&mut Target> {
        self.target.as_deref_mut().context("the hart was let go")
    }

    /// Register width of the hart; the board's value if it cannot be read.
    pub fn xlen(&mut self) -> anyhow::Result<Xlen> {
        let by_board = self.board.as_ref().map(|board| board.xlen);
        match (self.target()?.xlen(), by_board) {
            (Err(ProbeError::NotHalted), Some(32)) => Ok(Xlen::Rv32),
            (Err(ProbeError::NotHalted), Some(_)) => Ok(Xlen::Rv64),
            (told, _) => Ok(told?),
        }
    }

    /// Encoding of memory types; the board's value if the hart does not report it.
    pub fn dialect(&mut self) -> anyhow::Result<Option<Dialect>> {
        let by_board = self.board.as_ref().map(|board| board.dialect);
        match self.target()?.dialect() {
            Err(ProbeError::NotHalted) => Ok(by_board.map(dialect)),
            told => Ok(told?),
        }
    }

    /// RAM of the stated board, or of the one that the IDCODE suggests.
    pub fn ram(&self) -> Option<PhysRange> {
        let ram = self.board.as_ref()?.ram;
        PhysRange::of(ram.base, ram.size)
    }

    /// Restores the hart and reports errors of that.
    pub fn close(mut self) -> anyhow::Result<()> {
        match self.target.take() {
            Some(target) => Ok(target.close()?),
            None => Ok(()),
        }
    }
}

/// The board with this IDCODE.
fn by_port(idcode: Option<u32>) -> Option<Board> {
    let is_it = |board: &Board| board.jtag.as_ref().map(|jtag| jtag.idcode) == idcode;
    let mut boards = boards::all()
        .into_iter()
        .filter(|board| board.jtag.is_some());
    idcode.and_then(|_| boards.find(is_it))
}

fn learn(options: &mut Options, board: &Board, is_said: bool) {
    options.is_coherent = board.jtag.as_ref().map(|jtag| jtag.coherent);
    if is_said {
        options.dialect = Some(dialect(board.dialect));
    }
}

impl MemorySource for ProbedHart {
    fn read(&mut self, at: PhysAddr, into: &mut [u8]) -> Result<(), ReadError> {
        match &mut self.target {
            Some(target) => target.read(at, into),
            None => Err(ReadError::Probe(Box::new(ProbeError::Stopped))),
        }
    }

    fn is_possibly_stale(&self) -> bool {
        let target = self.target.as_ref();
        target.is_some_and(|target| target.is_possibly_stale())
    }
}

impl Drop for ProbedHart {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.target.take().map(|target| target.close()) {
            eprintln!("warning: {:#}", anyhow::Error::from(error));
        }
    }
}
