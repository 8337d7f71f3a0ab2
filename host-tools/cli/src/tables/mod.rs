//! Options that say where page tables are, and their opening.
//!
//! Every command that reads page tables takes these, so that each of them works on a dump, a
//! core, a snapshot, a board, a stub, a probe and, asked by a debugger's plugin, through a pipe.

mod files;
mod known;
mod live;
mod probe;
mod spaces;
mod writing;

use std::ffi::OsString;
use std::path::PathBuf;

use link::memory::{Cached, Origin, Pipe, Place, Source, Span};
use link::transport::Spec;
use pagetable::{Dialect, Mode, PhysAddr, Satp, Xlen};

use crate::exit::Misuse;

pub use files::read_dump;
pub use known::{Known, span};
pub use spaces::{STALE, Spaces, read, read_on};
pub use writing::{Writing, XlenOption, decode_satp, mode, number, remark_dialect};

/// Where memory is read from; several files are one memory.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
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
    /// Any of these by its name alone, and may be repeated: a core, a text dump, a snapshot,
    /// FILE@ADDR; a board that runs: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu; a
    /// recording: RUN.pwlog, as it was asked last; any gdb stub: gdb://HOST:PORT; or a hart
    /// through JTAG: probe, probe:SELECTOR
    #[arg(long, value_name = "SPEC")]
    pub from: Vec<Origin>,
}

impl Input {
    /// All of them, in the order in which they are asked.
    fn origins(&self) -> Vec<Origin> {
        let mut origins: Vec<Origin> = self.from.clone();
        origins.extend(self.core.clone().map(Origin::Core));
        origins.extend(self.mem.iter().cloned().map(Origin::Raw));
        origins.extend(self.dump.clone().map(Origin::Text));
        origins
    }
}

/// Which tables.
#[derive(clap::Args, Clone)]
pub struct Begin {
    /// Value of the satp register, or several with commas between; a board (--from) tells the
    /// kernel's own, a gdb stub or a probe the hart's, a snapshot those it was taken of
    #[arg(long, value_name = "VALUE", value_parser = number, value_delimiter = ',',
          conflicts_with_all = ["task", "root"])]
    pub satp: Vec<u64>,
    /// The tables of this task of the board
    #[arg(long, value_name = "NUMBER", conflicts_with = "root")]
    pub task: Option<u64>,
    /// Address of the root table, with --mode
    #[arg(long, value_name = "ADDR", value_parser = number, requires = "mode")]
    pub root: Option<u64>,
    /// Every root that the source knows: the kernel's and each task's, or all of a snapshot
    #[arg(long, conflicts_with_all = ["task", "root"])]
    pub all_roots: bool,
}

/// Tables in somebody's memory.
#[derive(clap::Args)]
pub struct Tables {
    #[command(flatten)]
    from: Input,
    #[command(flatten)]
    pub roots: Roots,
}

/// Which tables, wherever they are.
#[derive(clap::Args, Clone)]
pub struct Roots {
    #[command(flatten)]
    begin: Begin,
    #[command(flatten)]
    known: Known,
    /// How entries are written
    #[command(flatten)]
    pub writing: Writing,
    #[cfg(feature = "probe")]
    #[command(flatten)]
    wires: crate::hart::Wires,
    /// Where `pipe:` leads.
    #[arg(skip)]
    pub pipe: Option<Pipe>,
    /// The roots, where the command line gives none.
    #[arg(skip)]
    instead: Vec<Named>,
}

/// A root, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Empty where that is not known.
    pub name: String,
    /// The register.
    pub satp: Satp,
}

impl From<Satp> for Named {
    fn from(satp: Satp) -> Named {
        Named {
            name: String::new(),
            satp,
        }
    }
}

/// The tables, open.
pub struct Open {
    /// Where they are.
    pub memory: Cached<Box<dyn Source>>,
    /// Where they begin: at least one.
    pub roots: Vec<Named>,
    /// The width of a register.
    pub xlen: Xlen,
    /// How memory types are written, where the source knows.
    pub dialect: Option<Dialect>,
    /// What is memory on the machine; nothing if nobody says so.
    pub ram: Vec<Span>,
    /// Whether the hart leaves A and D to software, where that is known.
    pub svade: Option<bool>,
    /// From where on a core has lost what it promises.
    pub cut_at: Option<PhysAddr>,
}

impl Open {
    /// The one root; several are too many for a command that shows one.
    pub fn one(&self) -> anyhow::Result<Satp> {
        match &self.roots[..] {
            [only] => Ok(only.satp),
            many => {
                let misuse = format!("one root is needed, and there are {}", many.len());
                Err(Misuse(misuse).into())
            }
        }
    }
}

impl Tables {
    /// What they are in: a file without its folder.
    pub fn name(&self) -> String {
        let first = self.from.origins().into_iter().next();
        first.map_or_else(String::new, |origin| origin.to_string())
    }

    /// Whether a probe reads them.
    pub fn is_of_probe(&self) -> bool {
        let is_probe = |origin: &Origin| matches!(origin, Origin::Line(Spec::Probe(_)));
        self.from.from.iter().any(is_probe)
    }

    /// Opens the memory and reads satp as the machine did.
    pub fn open(&self) -> anyhow::Result<Open> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        self.roots.open(origins)
    }
}

impl Roots {
    /// The same; where the command line gives no roots, these.
    pub fn or(&self, instead: &[Named]) -> Roots {
        Roots {
            instead: instead.to_vec(),
            ..self.clone()
        }
    }

    /// Opens these memories and reads satp as the machine did.
    pub fn open(&self, origins: Vec<Origin>) -> anyhow::Result<Open> {
        let asked = self.writing.xlen()?;
        let origins = origins.into_iter().map(Origin::sniffed);
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        let is_live = |origin: &&Origin| matches!(origin, Origin::Line(_) | Origin::Pipe);
        let mut open = match (origins.iter().find(is_live), &origins[..]) {
            (Some(_), [Origin::Line(spec)]) => self.on_line(spec)?,
            (Some(_), [Origin::Pipe]) => self.through_pipe()?,
            (Some(live), _) => {
                let misuse = format!("{live} tells all of its memory: it stands alone");
                return Err(Misuse(misuse).into());
            }
            (None, _) => self.in_files(origins, asked)?,
        };
        let board = self.known.board()?;
        open.dialect = self
            .writing
            .dialect
            .given()
            .or(open.dialect)
            .or(board.dialect);
        open.svade = board.svade;
        if open.ram.is_empty() {
            open.ram = self.known.ram().unwrap_or_default();
        }
        if open.roots.iter().all(|root| root.satp.mode == Mode::Bare) {
            eprintln!("remark: satp is bare: addresses are not translated");
        }
        Ok(open)
    }

    fn in_files(&self, origins: Vec<Origin>, asked: Option<Xlen>) -> anyhow::Result<Open> {
        if self.begin.task.is_some() {
            let misuse = "--task is a board's: files know no tasks; give --satp";
            return Err(Misuse(misuse.to_owned()).into());
        }
        let Begin {
            satp,
            root,
            all_roots,
            ..
        } = &self.begin;
        let opened = files::open(origins, asked)?;
        let xlen = opened.xlen.or(asked).unwrap_or(Xlen::Rv64);
        let kept = opened
            .snapshot
            .as_ref()
            .map(|it| (it.roots.clone(), it.dialect));
        let roots = match kept.as_ref().filter(|_| satp.is_empty() && root.is_none()) {
            Some((roots, _)) if !roots.is_empty() => {
                let most = if *all_roots { roots.len() } else { 1 };
                let named = roots.iter().take(most).map(|(name, satp)| {
                    let satp = decode_satp(*satp, xlen, self.writing.mode)?;
                    Ok(Named {
                        name: name.clone(),
                        satp,
                    })
                });
                named.collect::<anyhow::Result<_>>()?
            }
            _ => self.given(xlen)?,
        };
        let cut_at = opened.cut_at;
        let mode = roots.first().map_or(Mode::Bare, |root| root.satp.mode);
        Ok(Open {
            memory: Cached::new(opened.memory(mode)?),
            roots,
            xlen,
            dialect: kept.and_then(|(_, dialect)| dialect),
            ram: Vec::new(),
            svade: None,
            cut_at,
        })
    }

    /// Whether the command line says where the tables begin.
    fn is_given(&self) -> bool {
        !self.begin.satp.is_empty() || self.begin.root.is_some() || !self.instead.is_empty()
    }

    /// The roots that the command line gives.
    fn given(&self, xlen: Xlen) -> anyhow::Result<Vec<Named>> {
        if !self.is_given() {
            let misuse =
                "where do the tables begin? --satp VALUE says it, or --root ADDR --mode MODE";
            return Err(Misuse(misuse.to_owned()).into());
        }
        if self.begin.satp.is_empty() && self.begin.root.is_none() {
            return Ok(self.instead.clone());
        }
        let (Some(root), Some(mode)) = (self.begin.root, self.writing.mode) else {
            let decoded = self.begin.satp.iter();
            let decoded = decoded.map(|satp| decode_satp(*satp, xlen, self.writing.mode));
            return decoded.map(|satp| satp.map(Named::from)).collect();
        };
        let root = PhysAddr::new(root);
        if !root.is_aligned(pagetable::PAGE_BYTES) || root.raw() >> mode.pa_bits() != 0 {
            let misuse = format!("{root} is no address of an {} table", mode.name());
            return Err(Misuse(misuse).into());
        }
        let satp = Satp {
            mode,
            asid: 0,
            root,
        };
        Ok(vec![satp.into()])
    }
}
