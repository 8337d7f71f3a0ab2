//! Options that say where page tables are and how they are written.

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use link::memory::text::{self, Reading, TextDump, address};
use link::memory::{Cached, Place, Source, open_core, open_raw};
use link::transport::Spec;
use pagetable::{Dialect, Mode, PhysAddr, Satp, Xlen};

use crate::board;
use crate::exit::Misuse;

mod probe;

/// A number of an address or a register: hexadecimal, `0x` or not.
pub fn number(text: &str) -> Result<u64, String> {
    address(text).ok_or_else(|| format!("`{text}` is no hexadecimal number of 64 bits"))
}

/// `--xlen`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum XlenOption {
    /// A 32-bit hart
    #[value(name = "32")]
    Rv32,
    /// A 64-bit hart
    #[value(name = "64")]
    Rv64,
}

impl From<XlenOption> for Xlen {
    fn from(option: XlenOption) -> Xlen {
        match option {
            XlenOption::Rv32 => Xlen::Rv32,
            XlenOption::Rv64 => Xlen::Rv64,
        }
    }
}

/// `--mode`.
pub fn mode(name: &str) -> Result<Mode, String> {
    let paging = Mode::from_name(name).filter(|mode| *mode != Mode::Bare);
    let names = Mode::ALL.map(Mode::name).join(", ");
    paging.ok_or_else(|| format!("no paging mode `{name}`; there is {names}"))
}

/// `--dialect`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DialectOption {
    /// Neither extension: bits 54-63 must be zero
    None,
    /// Ratified Svnapot and Svpbmt
    Svpbmt,
    /// T-Head C9xx with th.sxstatus.MAEE set
    Thead,
    /// What the bits look like
    Auto,
}

impl DialectOption {
    /// The dialect, if it is given.
    pub fn given(self) -> Option<Dialect> {
        match self {
            DialectOption::None => Some(Dialect::None),
            DialectOption::Svpbmt => Some(Dialect::Svpbmt),
            DialectOption::Thead => Some(Dialect::THead),
            DialectOption::Auto => None,
        }
    }
}

/// How entries are written.
#[derive(clap::Args)]
pub struct Writing {
    /// Paging mode, where satp does not say: sv32, sv39, sv48, sv57
    #[arg(long, value_name = "MODE", value_parser = mode)]
    pub mode: Option<Mode>,
    /// How bits 59-63 of an entry are meant
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        hide_possible_values = true,
        value_name = "none|svpbmt|thead|auto"
    )]
    pub dialect: DialectOption,
    /// Bits of a register, 32 or 64; an ELF core says so itself
    #[arg(long, value_enum, hide_possible_values = true, value_name = "32|64")]
    pub xlen: Option<XlenOption>,
}

impl Writing {
    /// The width that is asked for, by `--xlen` or by the mode.
    pub fn xlen(&self) -> anyhow::Result<Option<Xlen>> {
        let by_mode = self.mode.map(Mode::xlen);
        match (self.xlen.map(Xlen::from), by_mode) {
            (Some(xlen), Some(by_mode)) if xlen != by_mode => {
                let (bits, mode) = (xlen.bits(), self.mode.map_or("", Mode::name));
                let misuse = format!("--xlen {bits} has no {mode}");
                Err(Misuse(misuse).into())
            }
            (given, by_mode) => Ok(given.or(by_mode)),
        }
    }
}

/// Where memory is read from: one of these.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub struct Input {
    /// Raw memory and the address its first byte had; may be repeated
    #[arg(long, value_name = "FILE@ADDR")]
    pub mem: Vec<Place>,
    /// ELF core with physical memory
    #[arg(long, value_name = "FILE")]
    pub core: Option<PathBuf>,
    /// Text: md.q, x/gx, xp, hexdump -C, NuttX's MMU log; FILE@0xADDR adds to its addresses
    #[arg(long, value_name = "FILE|-")]
    pub dump: Option<OsString>,
    /// A board that runs: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu; a recording:
    /// RUN.pwlog, as it was asked last; any gdb stub: gdb://HOST:PORT; or a hart through JTAG:
    /// probe, probe:SELECTOR
    #[arg(long, value_name = "SPEC")]
    pub from: Option<Spec>,
}

/// Which tables.
#[derive(clap::Args)]
#[group(multiple = false)]
pub struct Begin {
    /// Value of the satp register; a board (--from) tells the kernel's own, a gdb stub the hart's
    #[arg(long, value_name = "VALUE", value_parser = number)]
    pub satp: Option<u64>,
    /// The tables of this task of the board
    #[arg(long, value_name = "NUMBER", requires = "from")]
    pub task: Option<u64>,
    /// Address of the root table, with --mode
    #[arg(long, value_name = "ADDR", value_parser = number, requires = "mode")]
    pub root: Option<u64>,
}

/// Tables in somebody's memory.
#[derive(clap::Args)]
pub struct Tables {
    #[command(flatten)]
    from: Input,
    #[command(flatten)]
    begin: Begin,
    /// How entries are written
    #[command(flatten)]
    pub writing: Writing,
    #[cfg(feature = "probe")]
    #[command(flatten)]
    wiring: crate::probe::Wiring,
}

/// The tables, open.
pub struct Open {
    /// Where they are.
    pub memory: Cached<Box<dyn Source>>,
    /// Where they begin.
    pub satp: Satp,
    /// How memory types are written, where the source knows.
    pub dialect: Option<Dialect>,
}

impl Tables {
    /// The file they are in, without its folder.
    pub fn name(&self) -> String {
        let Input {
            mem, core, dump, ..
        } = &self.from;
        if let Some(spec) = &self.from.from {
            return spec.to_string();
        }
        let dump = dump.as_ref().map(Path::new);
        let path = core.as_deref().or(dump);
        let path = path.or(mem.first().map(|place| place.path.as_path()));
        match path.and_then(Path::file_name) {
            Some(name) if name == "-" => "stdin".to_owned(),
            Some(name) => name.to_string_lossy().into_owned(),
            None => String::new(),
        }
    }

    /// Opens the memory and reads satp as the machine did.
    pub fn open(&self) -> anyhow::Result<Open> {
        let asked = self.writing.xlen()?;
        let Begin { satp, root, .. } = self.begin;
        if self.from.from.is_none() && satp.is_none() && root.is_none() {
            let misuse =
                "where do the tables begin? --satp VALUE says it, or --root ADDR --mode MODE";
            return Err(Misuse(misuse.to_owned()).into());
        }
        self.check_wiring()?;
        match &self.from.from {
            Some(Spec::Probe(selector)) => return self.on_probe(selector),
            Some(Spec::Gdb(address)) => return self.on_stub(address),
            Some(spec) => return self.on_board(spec),
            None => {}
        }
        if let Some(path) = &self.from.core {
            let core = open_core(path)?;
            if let Some(asked) = asked.filter(|asked| *asked != core.xlen) {
                let (class, asked) = (core.xlen.bits(), asked.bits());
                let path = path.display();
                let misuse = format!("{path} is a core of {class} bits, not {asked}");
                return Err(Misuse(misuse).into());
            }
            if let Some(at) = core.cut_at {
                eprintln!(
                    "remark: {}: cut off; memory from {at} is missing",
                    path.display()
                );
            }
            return self.at(Box::new(core.memory), self.satp(core.xlen)?);
        }
        let xlen = asked.unwrap_or(Xlen::Rv64);
        let Some(dump) = &self.from.dump else {
            return self.at(Box::new(open_raw(&self.from.mem)?), self.satp(xlen)?);
        };
        let satp = self.satp(xlen)?;
        self.at(Box::new(read_dump(dump, satp.mode)?.memory), satp)
    }

    fn at(&self, source: Box<dyn Source>, satp: Satp) -> anyhow::Result<Open> {
        if satp.mode == Mode::Bare {
            eprintln!("remark: satp is bare: addresses are not translated");
        }
        Ok(Open {
            memory: Cached::new(source),
            satp,
            dialect: None,
        })
    }

    /// Memory that a gdb stub reads.
    fn on_stub(&self, address: &str) -> anyhow::Result<Open> {
        let name = || format!("gdb://{address}");
        if self.begin.task.is_some() {
            bail!("{}: a gdb stub knows no tasks; give --satp", name());
        }
        let mut stub = board::stub(address)?;
        let xlen = match self.writing.xlen()? {
            Some(xlen) => xlen,
            None => board::stub_xlen(&mut stub).with_context(name)?,
        };
        let satp = match (self.begin.root, self.begin.satp) {
            (Some(_), _) => self.satp(xlen)?,
            (None, Some(satp)) => decode_satp(satp, xlen, self.writing.mode)?,
            (None, None) => {
                let satp = stub.register("satp").with_context(name)?;
                decode_satp(satp, xlen, self.writing.mode)?
            }
        };
        self.at(Box::new(stub), satp)
    }

    /// A board's memory, through its agent.
    fn on_board(&self, spec: &Spec) -> anyhow::Result<Open> {
        let mut board = board::open(spec)?;
        let (kernel_satp, dialect) = board.about().with_context(|| spec.to_string())?;
        let satp = match (self.begin.satp, self.begin.root, self.begin.task) {
            (None, None, None) => kernel_satp,
            (None, None, Some(pid)) => board.satp_of(pid)?,
            _ => self.begin.satp.unwrap_or_default(),
        };
        let xlen = board.xlen();
        let satp = match self.begin.root {
            Some(_) => self.satp(xlen)?,
            None => decode_satp(satp, xlen, self.writing.mode)?,
        };
        Ok(Open {
            memory: Cached::new(Box::new(board)),
            satp,
            dialect: Some(dialect),
        })
    }

    fn satp(&self, xlen: Xlen) -> anyhow::Result<Satp> {
        let Begin { satp, root, .. } = self.begin;
        match (root, self.writing.mode) {
            (Some(root), Some(mode)) => {
                let root = PhysAddr::new(root);
                if !root.is_aligned(pagetable::PAGE_BYTES) || root.raw() >> mode.pa_bits() != 0 {
                    let misuse = format!("{root} is no address of an {} table", mode.name());
                    return Err(Misuse(misuse).into());
                }
                Ok(Satp {
                    mode,
                    asid: 0,
                    root,
                })
            }
            (_, mode) => decode_satp(satp.unwrap_or_default(), xlen, mode),
        }
    }
}

/// `satp` as a hart of this width has it, its mode replaced if one is given.
pub fn decode_satp(raw: u64, xlen: Xlen, mode: Option<Mode>) -> anyhow::Result<Satp> {
    if xlen == Xlen::Rv32 && raw >> 32 != 0 {
        return Err(Misuse(format!("satp {raw:#x} has more than 32 bits")).into());
    }
    if xlen == Xlen::Rv64 && mode.is_none() && raw >> 31 == 1 {
        eprintln!("remark: satp {raw:#x} is bare on a 64-bit hart; with --xlen 32 it is sv32");
    }
    let kept = match mode {
        Some(_) => raw & !(0xf << 60),
        None => raw,
    };
    let satp = Satp::decode(kept, xlen).map_err(|error| Misuse(error.to_string()))?;
    Ok(Satp {
        mode: mode.unwrap_or(satp.mode),
        ..satp
    })
}

/// Reads a text dump from a file, `FILE@0xADDR` or, for `-`, from stdin.
pub fn read_dump(name: &OsString, mode: Mode) -> anyhow::Result<TextDump> {
    let lossy = name.to_string_lossy().into_owned();
    let based = lossy.rsplit_once("@0x");
    let (path, base) = match based.and_then(|(path, at)| Some((path, address(at)?))) {
        Some((path, base)) => (OsString::from(path), base),
        None => (name.clone(), 0),
    };
    let mut bytes = Vec::new();
    if path == "-" {
        let stdin = std::io::stdin().lock().read_to_end(&mut bytes);
        stdin.context("stdin")?;
    } else {
        bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
    }
    let name = if path == "-" { "stdin" } else { &lossy };
    let dump = text::read(name, &bytes, Reading { base, mode })?;
    if dump.noise > 0 {
        let (told, noise) = (dump.told, dump.noise);
        eprintln!("remark: {name}: {told} lines of memory, {noise} of something else");
    }
    Ok(dump)
}

/// Says that a dialect was guessed, and how to say otherwise.
pub fn remark_dialect(entries: u64, dialect: Dialect) {
    let entries = match entries {
        1 => "1 entry".to_owned(),
        many => format!("{many} entries"),
    };
    eprintln!(
        "remark: bits 59-63 are set in {entries}: read as {}; --dialect says otherwise",
        dialect.name()
    );
}
