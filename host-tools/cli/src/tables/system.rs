//! Tasks of the system that is found in the memory: whose tables are these.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use clap::builder::PossibleValuesParser;
use link::memory::{MemorySpec, PhysRange};
use link::os::{self, Hints, KernelFile, OsSystem, OsTask, VirtArea};
use link::transport::Spec;
use model::space::{AreaOf, Bounds, NamedArea};
use model::{TaskList, TaskRow};
use pagetable::{PhysAddr, Xlen};

use super::{NamedRoot, OpenTables, SpaceArgs, TablesArgs};
use crate::exit::UsageError;

/// Names of the systems that are known.
pub fn names() -> PossibleValuesParser {
    os::SYSTEMS
        .iter()
        .map(|row| row.name)
        .collect::<Vec<_>>()
        .into()
}

impl OpenTables {
    /// Finds the system in the memory: the one with that name, or any.
    pub fn system(&mut self, name: Option<&str>) -> anyhow::Result<Box<dyn OsSystem>> {
        let ram: &[PhysRange] = match self.held.is_empty() {
            true => &self.ram,
            false => &self.held,
        };
        if ram.is_empty() {
            let misuse =
                "what is memory there is not known: give --ram 0x80000000+128M, or --board NAME";
            return Err(UsageError(misuse.to_owned()).into());
        }
        let program = self.kernel_file.as_deref().map(program).transpose()?;
        if let Some(linked) = program.as_ref().map(KernelFile::xlen)
            && linked != self.xlen
        {
            let (linked, taken) = (linked.bits(), self.xlen.bits());
            let misuse = format!(
                "--elf is of {linked} bits, and the memory is taken as of {taken}: give --xlen {linked}"
            );
            return Err(UsageError(misuse).into());
        }
        let hints = Hints {
            ram,
            info: &self.info,
            program: program.as_ref(),
        };
        let system = os::find(&mut self.memory, &hints, name)?;
        detail!("{}", system.name());
        Ok(system)
    }

    /// Names of addresses below one root: those of its virtual addresses first.
    pub fn areas_of(&self, root: &NamedRoot) -> Vec<NamedArea> {
        let mut areas = self.names.of(root.satp.root);
        areas.extend(self.areas.iter().cloned());
        areas
    }

    /// The tasks of a system.
    pub fn tasks(&mut self, system: &dyn OsSystem) -> anyhow::Result<Vec<OsTask>> {
        let tasks = system.tasks(&mut self.memory);
        tasks.with_context(|| system.name())
    }
}

impl SpaceArgs {
    /// Whether the roots that are asked for are those of tasks.
    pub(super) fn wants_system(&self) -> bool {
        let args = &self.root_args;
        let is_all = args.all_roots && args.satp.is_empty() && self.instead.is_empty();
        args.task.is_some() || is_all
    }

    /// Whether the system is looked for at all.
    pub(super) fn wants_any_system(&self) -> bool {
        self.wants_system() || self.names == NamesWanted::Yes || self.root_args.os.is_some()
    }

    /// Replaces the roots by those of the task, or of all tasks, and reads the names that are wanted.
    pub(super) fn use_system(&self, open: &mut OpenTables) -> anyhow::Result<()> {
        if open.are_roots_made {
            return Ok(());
        }
        let system = open.system(self.root_args.os.as_deref())?;
        let tasks = open.tasks(system.as_ref())?;
        if self.wants_system() {
            open.roots = match self.root_args.task {
                Some(pid) => vec![of_task(&tasks, pid)?],
                None => all_roots(system.as_ref(), &tasks),
            };
        }
        for root in &mut open.roots {
            let of_root = |task: &&OsTask| task.satp.is_some_and(|it| it.root == root.satp.root);
            if root.name.is_empty() {
                let task = tasks.iter().find(of_root).and_then(named);
                root.name = task.map_or_else(String::new, |task| task.name);
            }
        }
        if self.names != NamesWanted::No {
            open.names = VirtualNames::read(system.as_ref(), &tasks, open)?;
        }
        Ok(())
    }
}

/// Whether a command shows names of virtual addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamesWanted {
    /// It has no place for them.
    #[default]
    No,
    /// Where the system is looked for anyway.
    IfKnown,
    /// The system is to be looked for.
    Yes,
}

/// Names of virtual addresses.
#[derive(Clone, Debug, Default)]
pub struct VirtualNames {
    /// Areas that are the same below every root: the kernel's.
    all: Vec<NamedArea>,
    /// Mappings of each process, by the address of its root table.
    roots: BTreeMap<PhysAddr, Vec<NamedArea>>,
}

impl VirtualNames {
    /// Reads the names of the open roots.
    fn read(
        system: &dyn OsSystem,
        tasks: &[OsTask],
        open: &mut OpenTables,
    ) -> anyhow::Result<VirtualNames> {
        let mut names = VirtualNames {
            all: system.areas().into_iter().map(area).collect(),
            roots: BTreeMap::new(),
        };
        for root in open.roots.clone() {
            let at = root.satp.root;
            let of_root = |task: &&OsTask| task.satp.is_some_and(|it| it.root == at);
            let Some(task) = tasks.iter().find(of_root) else {
                continue;
            };
            let mappings = system.mappings(&mut open.memory, task);
            let mappings = mappings.with_context(|| format!("mappings of task {}", task.pid))?;
            let known = mappings.into_iter().filter(|it| !it.name.is_empty());
            names.roots.insert(at, known.map(area).collect());
        }
        Ok(names)
    }

    /// Those below one root.
    pub fn of(&self, root: PhysAddr) -> Vec<NamedArea> {
        let own = self.roots.get(&root).into_iter().flatten();
        own.chain(&self.all).cloned().collect()
    }
}

fn area(area: VirtArea) -> NamedArea {
    let (first, last) = area.bounds;
    NamedArea {
        // Text of the guest, which goes to a terminal.
        name: view::words::printable(&area.name),
        of: AreaOf::Virtual,
        bounds: Bounds { first, last },
    }
}

/// Most bytes of a kernel's file: a vmlinux with all debug information has a few hundred MiB.
const MOST_BYTES: u64 = 2 << 30;

fn program(path: &Path) -> anyhow::Result<KernelFile> {
    let bytes = container::read(path, MOST_BYTES)?;
    KernelFile::read(&bytes).with_context(|| path.display().to_string())
}

/// The root of one task.
fn of_task(tasks: &[OsTask], pid: u64) -> anyhow::Result<NamedRoot> {
    const MOST: usize = 20;
    let Some(task) = tasks.iter().find(|task| task.pid == pid) else {
        let mut known: Vec<String> = tasks
            .iter()
            .filter(|task| task.satp.is_some())
            .map(|task| task.pid.to_string())
            .collect();
        if known.len() > MOST {
            known.truncate(MOST);
            known.push("…".to_owned());
        }
        bail!(
            "there is no task {pid}; with tables of their own there are {}",
            known.join(", ")
        );
    };
    match task.satp {
        Some(_) => Ok(named(task).context("it has tables")?),
        None => bail!(
            "task {pid}, {}, is {} and has no tables of its own",
            task.name,
            task.state
        ),
    }
}

fn named(task: &OsTask) -> Option<NamedRoot> {
    Some(NamedRoot {
        name: format!("{} {}", task.pid, task.name),
        satp: task.satp?,
    })
}

/// The kernel's root, and that of each task; tasks that share one are named together.
fn all_roots(system: &dyn OsSystem, tasks: &[OsTask]) -> Vec<NamedRoot> {
    let mut roots = vec![NamedRoot {
        name: "kernel".to_owned(),
        satp: system.kernel(),
    }];
    for root in tasks.iter().filter_map(named) {
        match roots.iter_mut().find(|it| it.satp.root == root.satp.root) {
            Some(same) => same.name = format!("{}, {}", same.name, root.name),
            None => roots.push(root),
        }
    }
    roots
}

/// The tasks as they are shown.
pub fn task_list(tasks: Vec<OsTask>, xlen: Xlen) -> TaskList {
    let row = |task: OsTask| TaskRow {
        pid: task.pid,
        state: task.state,
        satp: task.satp.map_or(0, |satp| satp.encode(xlen)),
        resident_bytes: task.resident_bytes,
        table_bytes: task.table_bytes,
        faults: task.faults,
        process: None,
        hart: None,
        line: task.name,
    };
    TaskList(tasks.into_iter().map(row).collect())
}

impl TablesArgs {
    /// The board that answers for its tasks itself, if it is the only source.
    pub fn board(&self) -> anyhow::Result<Option<Spec>> {
        let origins = self.from.origins().into_iter().map(MemorySpec::sniffed);
        let origins = origins.collect::<Result<Vec<_>, _>>()?;
        Ok(match &origins[..] {
            [MemorySpec::Line(Spec::Gdb(_) | Spec::Probe(_))] => None,
            [MemorySpec::Line(spec)] => Some(spec.clone()),
            _ => None,
        })
    }

    /// The system that the command line names.
    pub fn os(&self) -> Option<&str> {
        self.roots.root_args.os.as_deref()
    }
}
