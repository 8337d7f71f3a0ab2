//! Options that select page tables, and opening them.
//!
//! Every command that reads page tables has these options, so that each works on a dump, a core, a snapshot,
//! a board, a stub, a probe and, for a debugger's plugin, through a pipe.

mod files;
mod guest;
mod live;
mod machine;
mod plan;
mod pmp;
mod probe;
mod pte;
mod registers;
mod spaces;
mod stub_hart;
mod system;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context;
use link::memory::listing;
use link::memory::vmcore::HartRegisters;
use link::memory::{Cached, MemorySource, MemorySpec, PhysRange, Pipe, RawSpec, VmcoreInfo};
use link::transport::Spec;
use model::space::NamedArea;
use pagetable::{Dialect, Mode, PhysAddr, Pmp, Satp, Xlen};

use crate::exit::UsageError;

pub use files::read_dump;
pub use guest::GuestArgs;
pub use machine::{MachineArgs, span};
pub use plan::PlanArgs;
pub use pmp::PmpArgs;
pub use pte::{PteArgs, XlenOption, decode_satp, mode, note_dialect, number};
pub use registers::GENERAL_REGISTERS;
pub use spaces::{STALE, Spaces, read, read_on};
pub use system::{NamesWanted, VirtualNames, task_list};

/// Sources of memory; several files form one memory.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub struct MemoryArgs {
    /// Raw memory and the address of its first byte; may be repeated
    #[arg(long, value_name = "FILE@ADDR")]
    pub mem: Vec<RawSpec>,
    /// Core with physical memory: ELF, KDUMP (makedumpfile, QEMU's dump-guest-memory -z), LiME
    #[arg(long, value_name = "FILE")]
    pub core: Option<PathBuf>,
    /// Text: U-Boot's, OpenOCD's and J-Link's md and mem, gdb's and QEMU's x, xxd, hexdump, od, devmem,
    /// S-records, Intel hex, readmemh, and more; or mappings as QEMU's info mem, xv6's vmprint, Xous and Linux
    /// print them, or as pagewalk map wrote them. FILE@0xADDR adds to its addresses
    #[arg(long, value_name = "FILE|-")]
    pub dump: Option<OsString>,
    /// Any of these by its name, compressed (gz, xz, zst) or not, may be repeated: a core, a text dump, a snapshot, FILE@ADDR; a running
    /// board: /dev/ttyUSB0@2000000, tcp://HOST:PORT, unix:PATH, qemu; the last answers in a recording:
    /// RUN.pwlog; any gdb stub: gdb://HOST:PORT; or a hart through JTAG: probe, probe:SELECTOR
    #[arg(long, value_name = "SPEC")]
    pub from: Vec<MemorySpec>,
    /// What the kernel will map on --board before it ever runs there; with --elf its own parts too
    #[arg(long, conflicts_with_all = ["mem", "core", "dump", "from"], requires = "board")]
    pub planned: bool,
}

impl MemoryArgs {
    /// All sources, in order of precedence.
    fn origins(&self) -> Vec<MemorySpec> {
        if self.planned {
            return vec![MemorySpec::Planned];
        }
        let mut origins: Vec<MemorySpec> = self.from.clone();
        origins.extend(self.core.clone().map(MemorySpec::Core));
        origins.extend(self.mem.iter().cloned().map(MemorySpec::Raw));
        origins.extend(self.dump.clone().map(MemorySpec::Text));
        origins
    }
}

/// The roots of the tables.
#[derive(clap::Args, Clone)]
pub struct RootArgs {
    /// Value of the satp register, or several with commas between; a board (--from) supplies the kernel's
    /// own, a gdb stub or a probe the hart's, a snapshot its roots
    #[arg(long, value_name = "VALUE", value_parser = number, value_delimiter = ',',
          conflicts_with_all = ["task", "root"])]
    pub satp: Vec<u64>,
    /// The tables of this task id: of the board, or of the system that is found in the memory
    #[arg(long, value_name = "NUMBER", conflicts_with = "root")]
    pub task: Option<u64>,
    /// Look for the tasks of this system only
    #[arg(long, value_name = "SYSTEM", value_parser = system::names())]
    pub os: Option<String>,
    /// Address of the root table, with --mode
    #[arg(long, value_name = "ADDR", value_parser = number, requires = "mode")]
    pub root: Option<u64>,
    /// Every root that the source knows: the kernel's and each task's, or all of a snapshot
    #[arg(long, conflicts_with_all = ["task", "root"])]
    pub all_roots: bool,
}

/// Page tables in a memory source.
#[derive(clap::Args)]
pub struct TablesArgs {
    #[command(flatten)]
    from: MemoryArgs,
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    pub roots: SpaceArgs,
}

/// Options that select address spaces.
#[derive(clap::Args, Clone)]
pub struct SpaceArgs {
    #[command(flatten)]
    root_args: RootArgs,
    #[command(flatten)]
    machine: MachineArgs,
    /// Encoding of entries.
    #[command(flatten)]
    pub pte: PteArgs,
    #[cfg(feature = "probe")]
    #[command(flatten)]
    probe: crate::hart::ProbeArgs,
    /// The pipe that `pipe:` means.
    #[arg(skip)]
    pub pipe: Option<Pipe>,
    /// Roots to use if the command line has none.
    #[arg(skip)]
    instead: Vec<NamedRoot>,
    /// Whether the hart's registers of PMP are to be read too.
    #[arg(skip)]
    reads_pmp: bool,
    /// The program whose sections name addresses, and the Image that is planned.
    #[arg(skip)]
    plan: PlanArgs,
    /// Whether a source without any root will do.
    #[arg(skip)]
    is_rootless: bool,
    /// Whether the registers of the harts are to be read too.
    #[arg(skip)]
    reads_registers: bool,
    /// Whether names of virtual addresses are to be read: where the system is looked for anyway, or always.
    #[arg(skip)]
    pub names: NamesWanted,
}

/// A root with the name of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedRoot {
    /// Empty if not known.
    pub name: String,
    /// Mode, ASID and root table, decoded from `satp`.
    pub satp: Satp,
}

impl From<Satp> for NamedRoot {
    fn from(satp: Satp) -> NamedRoot {
        NamedRoot {
            name: String::new(),
            satp,
        }
    }
}

/// Memory with page tables, their roots, and what is known of the machine.
pub struct OpenTables {
    /// Memory that contains them.
    pub memory: Cached<Box<dyn MemorySource>>,
    /// Roots, at least one.
    pub roots: Vec<NamedRoot>,
    /// Register width of the machine.
    pub xlen: Xlen,
    /// Encoding of memory types, if the source knows it.
    pub dialect: Option<Dialect>,
    /// RAM of the machine; empty if not known.
    pub ram: Vec<PhysRange>,
    /// Whether A and D are set by software, if known.
    pub svade: Option<bool>,
    /// First address that a truncated core lacks.
    pub cut_at: Option<PhysAddr>,
    /// Ranges of memory in the files that state them.
    pub held: Vec<PhysRange>,
    /// Registers of PMP that the hart has, if they were to be read.
    pub pmp_registers: Vec<(String, u64)>,
    /// Physical memory protection, if it is known.
    pub pmp: Option<Pmp>,
    /// Names of addresses, from the board's file, the device tree and the program.
    pub areas: Vec<NamedArea>,
    /// What a dump came with of Linux's own words; empty without.
    pub info: VmcoreInfo,
    /// Registers of harts, if they were to be read and the source has them.
    pub harts: Vec<HartRegisters>,
    /// Names of virtual addresses, of all roots and of each one by its table.
    pub names: VirtualNames,
    /// The file that the kernel was linked to, for its symbols and layouts.
    pub kernel_file: Option<PathBuf>,
    /// Whether the roots were chosen for a list of mappings: no other source has them.
    pub are_roots_made: bool,
}

/// Whether a source answers for its tasks itself: a board that runs Pagewalk, a recording, a snapshot, a list.
fn has_tasks(origin: &MemorySpec) -> bool {
    match origin {
        MemorySpec::Line(Spec::Gdb(_) | Spec::Probe(_)) => false,
        MemorySpec::Line(_) | MemorySpec::Snapshot(_) => true,
        _ => false,
    }
}

/// How a memory source was interpreted.
fn kind(origin: &MemorySpec) -> &'static str {
    match origin {
        MemorySpec::Line(Spec::Gdb(_)) => "a gdb stub",
        MemorySpec::Line(Spec::Probe(_)) => "a hart through JTAG",
        MemorySpec::Line(Spec::Recording(..)) => "a recording",
        MemorySpec::Line(_) => "a board that runs",
        MemorySpec::Raw(_) => "raw memory",
        MemorySpec::Core(_) => "a dump of physical memory",
        MemorySpec::Text(_) => "a text dump",
        MemorySpec::Snapshot(_) => "a snapshot",
        MemorySpec::File(_) => "a file",
        MemorySpec::Pipe => "what a debugger reads",
        MemorySpec::Planned => "what the kernel will map",
    }
}

impl OpenTables {
    /// The only root; an error for several, for commands that show one.
    pub fn single_root(&self) -> anyhow::Result<Satp> {
        match &self.roots[..] {
            [only] => Ok(only.satp),
            many => {
                let misuse = format!("expected one root, found {}", many.len());
                Err(UsageError(misuse).into())
            }
        }
    }
}

impl TablesArgs {
    /// Name of the source: a file without its directory.
    pub fn name(&self) -> String {
        let first = self.from.origins().into_iter().next();
        first.map_or_else(String::new, |origin| origin.to_string())
    }

    /// Device ranges from the board file.
    pub fn devices(&self) -> Vec<PhysRange> {
        self.roots.machine.devices()
    }

    /// Whether a probe is a source.
    pub fn is_of_probe(&self) -> bool {
        let is_probe = |origin: &MemorySpec| matches!(origin, MemorySpec::Line(Spec::Probe(_)));
        self.from.from.iter().any(is_probe)
    }

    /// Opens the memory; where nothing says a root, there is none.
    pub fn open_rootless(&self) -> anyhow::Result<OpenTables> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        self.roots.with(&self.plan).rootless().open_memory(origins)
    }

    /// The same, with the registers of the harts.
    pub fn open_whole(&self) -> anyhow::Result<OpenTables> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        let roots = SpaceArgs {
            reads_registers: true,
            ..self.roots.with(&self.plan).rootless()
        };
        roots.open_memory(origins)
    }

    /// Opens the memory and decodes satp as the machine does.
    pub fn open(&self) -> anyhow::Result<OpenTables> {
        self.open_named(NamesWanted::No)
    }

    /// The same, with names of virtual addresses.
    fn open_named(&self, names: NamesWanted) -> anyhow::Result<OpenTables> {
        let origins = self.from.origins();
        self.roots.check_wires(&origins)?;
        let roots = SpaceArgs {
            names,
            ..self.roots.with(&self.plan)
        };
        roots.open(origins)
    }
}

impl SpaceArgs {
    /// Tables for a command that only needs memory.
    pub fn without_tables(
        machine: MachineArgs,
        #[cfg(feature = "probe")] probe: crate::hart::ProbeArgs,
    ) -> SpaceArgs {
        SpaceArgs {
            root_args: RootArgs {
                satp: vec![0],
                task: None,
                os: None,
                root: None,
                all_roots: false,
            },
            machine,
            pte: PteArgs::default(),
            #[cfg(feature = "probe")]
            probe,
            pipe: None,
            instead: Vec::new(),
            reads_pmp: false,
            plan: PlanArgs::default(),
            is_rootless: false,
            reads_registers: false,
            names: NamesWanted::No,
        }
    }

    /// The same options, for a command that looks for roots itself.
    pub fn rootless(&self) -> SpaceArgs {
        SpaceArgs {
            is_rootless: true,
            ..self.clone()
        }
    }

    /// The same options, with these roots if the command line has none.
    pub fn or(&self, instead: &[NamedRoot]) -> SpaceArgs {
        SpaceArgs {
            instead: instead.to_vec(),
            ..self.clone()
        }
    }

    /// The same options, with a program and an Image.
    pub fn with(&self, plan: &PlanArgs) -> SpaceArgs {
        SpaceArgs {
            plan: plan.clone(),
            ..self.clone()
        }
    }

    /// Opens these sources and decodes satp as the machine does.
    pub fn open(&self, origins: Vec<MemorySpec>) -> anyhow::Result<OpenTables> {
        let open = self.open_memory(origins)?;
        if open.roots.iter().all(|root| root.satp.mode == Mode::Bare) {
            eprintln!("note: satp is bare: addresses are not translated");
        }
        Ok(open)
    }

    /// Opens these sources for a command that uses physical addresses only.
    pub fn open_memory(&self, origins: Vec<MemorySpec>) -> anyhow::Result<OpenTables> {
        let asked = self.pte.xlen()?;
        let origins = origins.into_iter().map(MemorySpec::sniffed);
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        for origin in &origins {
            detail!("{origin}: {}", kind(origin));
        }
        let is_live =
            |origin: &&MemorySpec| matches!(origin, MemorySpec::Line(_) | MemorySpec::Pipe);
        let is_of_board = origins.iter().any(has_tasks);
        let mut open = match (origins.iter().find(is_live), &origins[..]) {
            (Some(_), [MemorySpec::Line(spec)]) => self.on_line(spec)?,
            (Some(_), [MemorySpec::Pipe]) => self.through_pipe()?,
            (Some(live), _) => {
                let misuse =
                    format!("{live} is a source of all memory: it cannot be combined with others");
                return Err(UsageError(misuse).into());
            }
            (None, _) => self.in_files(origins, asked)?,
        };
        self.apply_board(&mut open)?;
        if self.wants_any_system() && !is_of_board {
            self.use_system(&mut open)?;
        }
        Ok(open)
    }

    /// Applies facts of `--board` that nothing else states; reports if none is used.
    fn apply_board(&self, open: &mut OpenTables) -> anyhow::Result<()> {
        let mut board = self.machine.traits();
        let mut ram = self.machine.ram().unwrap_or_default();
        let named = self.machine.board.as_ref();
        let name = named.map_or("", |board| &board.name);
        let bits = match open.xlen {
            Xlen::Rv32 => 32,
            Xlen::Rv64 => 64,
        };
        let told = self.pte.dialect.given().or(open.dialect);
        let is_other = board.bits.is_some_and(|it| it != bits);
        if let Some(wide) = board.bits.filter(|_| is_other) {
            eprintln!(
                "warning: nothing of --board {name} is used: it has {wide} bits, and these tables are of {bits}"
            );
            (board, ram) = Default::default();
        } else if board.bits.is_some() && told.is_some() && !open.ram.is_empty() && open.ram != ram
        {
            eprintln!(
                "note: nothing of --board {name} is used: memory and dialect are stated otherwise"
            );
        }
        open.dialect = told.or(board.dialect);
        open.svade = board.svade;
        open.kernel_file = self.plan.elf().map(Path::to_owned);
        // What says most comes first: sections, then devices, then all of RAM.
        open.areas.extend(self.plan.areas()?);
        if !is_other {
            open.areas.extend(self.machine.areas());
        }
        if open.ram.is_empty() {
            open.ram = ram;
        }
        Ok(())
    }

    fn in_files(
        &self,
        origins: Vec<MemorySpec>,
        asked: Option<Xlen>,
    ) -> anyhow::Result<OpenTables> {
        let RootArgs {
            satp,
            root,
            all_roots,
            ..
        } = &self.root_args;
        let is_planned = origins.contains(&MemorySpec::Planned);
        let mut areas = Vec::new();
        let mut opened = files::open(origins, asked)?;
        if is_planned {
            let planned = self.plan.listing(&self.machine)?;
            opened.narrow(planned.xlen, asked, "the board's kernel is")?;
            opened.listings.push((planned.name, planned.listing));
            areas = planned.areas;
        }
        let listed = opened
            .listings
            .iter()
            .any(|(_, it)| it.spaces.iter().any(|it| it.is_32));
        let xlen = opened.xlen.or(asked);
        let xlen = xlen.unwrap_or(if listed { Xlen::Rv32 } else { Xlen::Rv64 });
        let kept = opened
            .snapshot
            .as_ref()
            .map(|it| (it.roots.clone(), it.dialect));
        let mut are_roots_made = false;
        let roots = match kept.as_ref().filter(|_| satp.is_empty() && root.is_none()) {
            Some((roots, _)) if !roots.is_empty() => {
                let most = if *all_roots { roots.len() } else { 1 };
                let named = roots.iter().take(most).map(|(name, satp)| {
                    let satp = decode_satp(*satp, xlen, self.pte.mode)?;
                    Ok(NamedRoot {
                        name: name.clone(),
                        satp,
                    })
                });
                named.collect::<anyhow::Result<_>>()?
            }
            _ if !opened.listings.is_empty() => {
                are_roots_made = !self.is_given();
                self.of_listings(&mut opened, xlen)?
            }
            // Which roots there are is read later.
            _ if self.wants_system() => Vec::new(),
            _ => match opened.root.filter(|_| !self.is_given()) {
                Some(noted) => {
                    let value = noted.satp.encode(xlen);
                    eprintln!(
                        "note: satp {value:#x} is taken from {} of VMCOREINFO",
                        noted.from
                    );
                    vec![noted.satp.into()]
                }
                None => self.given(xlen)?,
            },
        };
        let cut_at = opened.cut_at;
        let held = opened.held.clone();
        let opened_info = opened.info.clone();
        let harts = opened.harts.clone();
        let mode = roots.first().map_or(Mode::Bare, |root| root.satp.mode);
        Ok(OpenTables {
            memory: Cached::new(opened.memory(mode)?),
            roots,
            xlen,
            dialect: kept.and_then(|(_, dialect)| dialect),
            ram: Vec::new(),
            svade: None,
            cut_at,
            held,
            pmp_registers: Vec::new(),
            pmp: None,
            areas,
            info: opened_info,
            harts,
            names: VirtualNames::default(),
            kernel_file: None,
            are_roots_made,
        })
    }

    /// Makes the tables of lists of mappings, and adds them to the memory. Answers the roots of the command
    /// line, or those of the lists.
    fn of_listings(
        &self,
        opened: &mut files::Opened,
        xlen: Xlen,
    ) -> anyhow::Result<Vec<NamedRoot>> {
        let given = match self.is_given() {
            true => self.given(xlen)?,
            false => Vec::new(),
        };
        let first = given.first().map(|root| root.satp);
        let mode = first.map(|satp| satp.mode).or(self.pte.mode);
        let mut roots = Vec::new();
        for (name, listing) in std::mem::take(&mut opened.listings) {
            let made = listing::build(&listing.spaces, mode, first.map(|satp| satp.root))
                .with_context(|| name.clone())?;
            detail!("{name}: {}", listing.what);
            let remarks = made
                .remarks
                .iter()
                .filter(|_| listing.what != plan::PLANNED);
            for remark in remarks {
                eprintln!("note: {name}: {remark}");
            }
            roots.extend(made.roots);
            opened.add(made.memory);
        }
        if !given.is_empty() {
            return Ok(given);
        }
        if !self.root_args.all_roots && roots.len() > 1 {
            let more = roots.len();
            eprintln!(
                "note: {more} address spaces are listed: this is the first; --all-roots takes all"
            );
            roots.truncate(1);
        }
        let named = roots
            .into_iter()
            .map(|(name, satp)| NamedRoot { name, satp });
        Ok(named.collect())
    }

    /// Whether the command line states the roots.
    fn is_given(&self) -> bool {
        !self.root_args.satp.is_empty() || self.root_args.root.is_some() || !self.instead.is_empty()
    }

    /// The roots of the command line.
    fn given(&self, xlen: Xlen) -> anyhow::Result<Vec<NamedRoot>> {
        if !self.is_given() && (self.is_rootless || self.wants_system()) {
            return Ok(Vec::new());
        }
        if !self.is_given() {
            let misuse = "no root table: give --satp VALUE, or --root ADDR --mode MODE";
            return Err(UsageError(misuse.to_owned()).into());
        }
        if self.root_args.satp.is_empty() && self.root_args.root.is_none() {
            return Ok(self.instead.clone());
        }
        let (Some(root), Some(mode)) = (self.root_args.root, self.pte.mode) else {
            let decoded = self.root_args.satp.iter();
            let decoded = decoded.map(|satp| decode_satp(*satp, xlen, self.pte.mode));
            return decoded.map(|satp| satp.map(NamedRoot::from)).collect();
        };
        let root = PhysAddr::new(root);
        if !root.is_aligned(pagetable::PAGE_BYTES) || root.raw() >> mode.pa_bits() != 0 {
            let misuse = format!("{root} is not the address of an {} table", mode.name());
            return Err(UsageError(misuse).into());
        }
        let satp = Satp {
            mode,
            asid: 0,
            root,
        };
        Ok(vec![satp.into()])
    }
}
