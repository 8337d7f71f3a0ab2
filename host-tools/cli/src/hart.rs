//! The hart at a probe, and what is said of it on the command line.

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

/// `--by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The module's own way, past the hart and perhaps past its cache
    Bus,
    /// Loads that the hart does
    Program,
    /// The module's command for it
    Abstract,
}

/// Where help has these options.
const WITH: &str = "With a probe";

/// What is known of the board at a probe.
#[derive(clap::Args, Clone, Default)]
pub struct ProbeBoardArgs {
    /// The board; else it is known by its port
    #[arg(help_heading = WITH, long, value_name = "NAME|FILE", value_parser = board)]
    pub board: Option<Board>,
    #[command(flatten)]
    pub wires: ProbeArgs,
}

/// Which hart, and the way to it.
#[derive(clap::Args, Clone, Default)]
pub struct ProbeArgs {
    /// Which hart, counted from 0
    #[arg(help_heading = WITH, long, value_name = "NUMBER")]
    hart: Option<u32>,
    /// The only way to memory that is to be used
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
    /// Bits of instruction of each port on the chain, from TDO to TDI
    #[arg(help_heading = WITH, long, value_name = "BITS,…", value_delimiter = ',')]
    chain: Vec<u8>,
}

impl ProbeArgs {
    /// Whether anything was said.
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
    /// The hart that was chosen.
    pub fn number(&self) -> u32 {
        self.wires.hart.unwrap_or_default()
    }
}

/// The user wants no answer any more.
static STOP: AtomicBool = AtomicBool::new(false);

/// Harts that are being asked: what was changed in them has to be put back.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Ctrl-C must not leave a hart halted, with registers that are not its own. Where none is asked,
/// as between two looks, it ends the program as it always does.
fn interrupted() {
    STOP.store(true, Ordering::SeqCst);
    if ASKED.load(Ordering::SeqCst) == 0 {
        std::process::exit(ending::INTERRUPTED);
    }
}

/// A hart is being asked as long as this is there.
struct BusyGuard;

impl BusyGuard {
    fn begin() -> BusyGuard {
        ASKED.fetch_add(1, Ordering::SeqCst);
        // There is one handler for all harts; it was there before if this fails.
        let _ = ctrlc::set_handler(interrupted);
        BusyGuard
    }
}

impl Drop for BusyGuard {
    fn drop(&mut self) {
        ASKED.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A hart at a probe. Whatever becomes of a command, it is left as it was.
pub struct ProbedHart {
    target: Option<Box<Target>>,
    board: Option<Board>,
    /// Goes last: when the hart was let go.
    _asked: BusyGuard,
}

impl ProbedHart {
    /// Opens the probe of that name, or the only one, and looks for the hart.
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

    /// The board's name.
    pub fn board(&self) -> Option<String> {
        self.board.as_ref().map(|board| board.name.clone())
    }

    /// The hart, as long as it was not let go.
    pub fn target(&mut self) -> anyhow::Result<&mut Target> {
        self.target.as_deref_mut().context("the hart was let go")
    }

    /// Width of its registers; the board's where it does not tell.
    pub fn xlen(&mut self) -> anyhow::Result<Xlen> {
        let by_board = self.board.as_ref().map(|board| board.xlen);
        match (self.target()?.xlen(), by_board) {
            (Err(ProbeError::NotHalted), Some(32)) => Ok(Xlen::Rv32),
            (Err(ProbeError::NotHalted), Some(_)) => Ok(Xlen::Rv64),
            (told, _) => Ok(told?),
        }
    }

    /// How it writes memory types; as the board is said to where it does not tell.
    pub fn dialect(&mut self) -> anyhow::Result<Option<Dialect>> {
        let by_board = self.board.as_ref().map(|board| board.dialect);
        match self.target()?.dialect() {
            Err(ProbeError::NotHalted) => Ok(by_board.map(dialect)),
            told => Ok(told?),
        }
    }

    /// The RAM of the board that it is, or that its port looks like.
    pub fn ram(&self) -> Option<PhysRange> {
        let ram = self.board.as_ref()?.ram;
        PhysRange::of(ram.base, ram.size)
    }

    /// Lets the hart go, as it was.
    pub fn close(mut self) -> anyhow::Result<()> {
        match self.target.take() {
            Some(target) => Ok(target.close()?),
            None => Ok(()),
        }
    }
}

/// The board whose port says this.
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
