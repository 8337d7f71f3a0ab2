//! Memory of running machines: through a gdb stub, an agent, a pipe.

use anyhow::{Context, bail};
use link::gdb::Stub;
use link::memory::{BatchRead, Cached, MemorySource, PhysRange, Prefetch, RamOnly};
use link::transport::Spec;
use pagetable::{Mode, Satp, Xlen};

use super::{NamedRoot, OpenTables, RootArgs, SpaceArgs, decode_satp};
use crate::board::{self, RespondingBoard};

/// The message if the machine's RAM is not known.
const NO_RAM: &str = "what is memory there? Only that is read, and neither --ram, --board, the \
                      stub's memory map nor QEMU's `info mtree` says it; give --ram \
                      0x80000000+128M or --board NAME";

/// Says of a hart in machine mode that its tables are not in use there. QEMU's stub has the mode as a register.
fn note_machine_mode(stub: &mut Stub, satp: Satp, name: &str) {
    const MACHINE: u64 = 3;
    if satp.mode != Mode::Bare && stub.register("priv").is_ok_and(|mode| mode == MACHINE) {
        eprintln!(
            "note: {name}: the hart is in machine mode, where nothing is translated; satp is for the modes below"
        );
    }
}

impl SpaceArgs {
    pub(super) fn on_line(&self, spec: &Spec) -> anyhow::Result<OpenTables> {
        match spec {
            Spec::Gdb(address) => self.on_stub(address),
            Spec::Probe(selector) => self.on_probe(selector),
            spec => self.on_board(spec),
        }
    }

    /// Memory through a gdb stub.
    fn on_stub(&self, address: &str) -> anyhow::Result<OpenTables> {
        let name = || format!("gdb://{address}");
        // Registers are of a hart; memory is the same for all of them.
        let mut stub = match self.is_given() && !self.reads_pmp {
            true => board::stub(address)?,
            false => self.stub_of_hart(address)?,
        };
        let xlen = match self.pte.xlen()? {
            Some(xlen) => xlen,
            None => board::stub_xlen(&mut stub).with_context(name)?,
        };
        let pmp_registers = match self.reads_pmp {
            true => super::pmp::of_stub(&mut stub).with_context(name)?,
            false => Vec::new(),
        };
        let harts = match self.reads_registers {
            true => super::registers::of_stub(&mut stub).with_context(name)?,
            false => Vec::new(),
        };
        let roots = match self.is_given() {
            true => self.given(xlen)?,
            false => {
                let satp = stub.register("satp").with_context(name)?;
                let satp = decode_satp(satp, xlen, self.pte.mode)?;
                note_machine_mode(&mut stub, satp, &name());
                vec![satp.into()]
            }
        };
        let ram = match self.machine.ram() {
            Some(ram) => ram,
            None => stub.memory().with_context(name)?,
        };
        if ram.is_empty() {
            bail!("{}: {NO_RAM}", name());
        }
        match (stub.is_physical(), self.machine.linear) {
            (false, Some(at)) => stub.shift(at),
            (false, None) => eprintln!(
                "warning: {}: this stub cannot read physical memory; reads go the way the hart's \
                 own would. Where the kernel maps all of memory, --linear ADDR helps: where it \
                 maps physical address 0",
                name()
            ),
            _ => {}
        }
        Ok(OpenTables {
            pmp_registers,
            harts,
            ..ahead(stub, roots, xlen, ram)
        })
    }

    /// Memory read by the caller of the bridge.
    pub(super) fn through_pipe(&self) -> anyhow::Result<OpenTables> {
        let pipe = self.pipe.clone().context("the pipe has no other end")?;
        let xlen = self.pte.xlen()?.unwrap_or(Xlen::Rv64);
        let roots = self.given(xlen)?;
        let is_bare = roots.iter().all(|root| root.satp.mode == Mode::Bare);
        let is_bare = is_bare && !self.is_rootless && !self.wants_any_system();
        let ram = match self.machine.ram() {
            Some(ram) => Some(ram),
            // Nothing will be read.
            None if is_bare => None,
            None => pipe.memory()?,
        };
        Ok(match ram {
            Some(ram) if ram.is_empty() => bail!("{NO_RAM}"),
            Some(ram) => ahead(pipe, roots, xlen, ram),
            // A core: every address in it may be read.
            None => open(
                Box::new(Prefetch::new(pipe, &satps(&roots))),
                roots,
                xlen,
                Vec::new(),
            ),
        })
    }

    /// Memory through a board's agent.
    fn on_board(&self, spec: &Spec) -> anyhow::Result<OpenTables> {
        let mut board = board::open(spec)?;
        let (kernel, dialect) = board.about().with_context(|| spec.to_string())?;
        let xlen = board.xlen();
        let decode = |satp| decode_satp(satp, xlen, self.pte.mode);
        let RootArgs {
            task, all_roots, ..
        } = &self.root_args;
        // Tasks of an earlier read may have exited, and others started.
        let is_all = *all_roots && self.root_args.satp.is_empty();
        let roots = match (self.is_given() && !is_all, task) {
            (true, _) => self.given(xlen)?,
            (false, Some(pid)) => vec![decode(board.satp_of(*pid)?)?.into()],
            (false, None) if *all_roots => {
                let mut roots = vec![NamedRoot {
                    name: "kernel".to_owned(),
                    satp: decode(kernel)?,
                }];
                for task in board.tasks()?.0.into_iter().filter(|task| task.satp != 0) {
                    roots.push(NamedRoot {
                        name: format!("{} {}", task.pid, task.line),
                        satp: decode(task.satp)?,
                    });
                }
                roots
            }
            (false, None) => vec![decode(kernel)?.into()],
        };
        let ram = match &mut board {
            RespondingBoard::Running(agent) => {
                let ram = agent.ram().with_context(|| spec.to_string())?;
                ram.iter()
                    .filter_map(|it| PhysRange::of(it.base, it.bytes))
                    .collect()
            }
            RespondingBoard::Recorded(_) => Vec::new(),
        };
        let dialect = Some(dialect);
        Ok(OpenTables {
            dialect,
            ..open(Box::new(board), roots, xlen, ram)
        })
    }
}

fn satps(roots: &[NamedRoot]) -> Vec<Satp> {
    // Tables of another mode are requested one by one.
    let mode = roots.first().map_or(Mode::Bare, |root| root.satp.mode);
    let satps = roots.iter().map(|root| root.satp);
    satps.filter(|satp| satp.mode == mode).collect()
}

/// Tables in known RAM, prefetched level by level.
fn ahead(
    batch: impl BatchRead + 'static,
    roots: Vec<NamedRoot>,
    xlen: Xlen,
    ram: Vec<PhysRange>,
) -> OpenTables {
    let within = RamOnly::new(batch, ram.clone());
    open(
        Box::new(Prefetch::new(within, &satps(&roots))),
        roots,
        xlen,
        ram,
    )
}

fn open(
    source: Box<dyn MemorySource>,
    roots: Vec<NamedRoot>,
    xlen: Xlen,
    ram: Vec<PhysRange>,
) -> OpenTables {
    OpenTables {
        memory: Cached::new(source),
        roots,
        xlen,
        dialect: None,
        ram,
        svade: None,
        cut_at: None,
        held: Vec::new(),
        pmp_registers: Vec::new(),
        pmp: None,
        areas: Vec::new(),
        info: Default::default(),
        harts: Vec::new(),
        names: Default::default(),
        kernel_file: None,
        are_roots_made: false,
    }
}
