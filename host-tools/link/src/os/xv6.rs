//! xv6: an array of processes, described by the kernel's DWARF.
//!
//! ```text
//! kernel_pagetable ── proc[0] proc[1] …   pid, state, name, sz, pagetable
//! ```
//!
//! The kernel maps itself where it lies, so its own addresses are physical ones. Source: xv6-riscv, kernel/proc.h
//! and kernel/vm.c.

use pagetable::{Mode, PhysAddr, Satp, Xlen};

use super::layouts::Layouts;
use super::part::Part;
use super::{
    Hints, KernelFile, KernelReader, OsError, OsSystem, OsTask, SavedRegisters, VirtArea, Virtual,
};
use crate::memory::vmcore::CoreRange;

/// Most processes that are believed: NPROC is 64.
const MOST_PROCESSES: u64 = 1 << 16;

/// An xv6, with what is known of its structures.
struct Xv6 {
    kernel: Satp,
    /// Address of the first process, bytes of each, and their number.
    table: (u64, u64, u64),
    fields: Fields,
    /// Values and names of the states.
    states: Vec<(u64, &'static str)>,
}

/// Offset and bytes of members of `struct proc`.
struct Fields {
    pid: (u64, u64),
    state: (u64, u64),
    name: (u64, u64),
    size: (u64, u64),
    root: (u64, u64),
    saved: [(u64, u64); 3],
}

impl Fields {
    fn of(program: &KernelFile) -> Result<Fields, OsError> {
        let field = |path| program.field("proc", path);
        Ok(Fields {
            pid: field("pid")?,
            state: field("state")?,
            name: field("name")?,
            size: field("sz")?,
            root: field("pagetable")?,
            saved: [
                field("context.ra")?,
                field("context.sp")?,
                field("context.s0")?,
            ],
        })
    }

    fn all(&self) -> [(u64, u64); 5] {
        [self.pid, self.state, self.name, self.size, self.root]
    }
}

/// Names of states in the kernel's enumeration, and as words.
const STATES: &[(&str, &str)] = &[
    ("USED", "used"),
    ("SLEEPING", "sleeping"),
    ("RUNNABLE", "runnable"),
    ("RUNNING", "running"),
    ("ZOMBIE", "zombie"),
];

/// Finds an xv6 by the symbols of its kernel.
pub(super) fn find(
    memory: &mut dyn KernelReader,
    hints: &Hints,
) -> Result<Option<Box<dyn OsSystem>>, OsError> {
    let Some(program) = hints.program else {
        return Ok(None);
    };
    let (Some(first), Some(root)) = (program.symbol("proc"), program.symbol("kernel_pagetable"))
    else {
        return Ok(None);
    };
    let bytes = program.size("proc").filter(|bytes| *bytes > 0);
    let bytes = bytes.ok_or(OsError::NoLayouts)?;
    let count = program.symbol_bytes("proc").unwrap_or(0) / bytes;
    let fields = Fields::of(program)?;
    let mut bare = Virtual::bare(memory);
    let root = bare.pointer("kernel_pagetable", root, program.word_bytes())?;
    let mode = match program.xlen() {
        Xlen::Rv32 => Mode::Sv32,
        Xlen::Rv64 => Mode::Sv39,
    };
    let states = STATES.iter().filter_map(|(name, word)| {
        let value = program.enumerator("procstate", name)?;
        Some((value, *word))
    });
    Ok(Some(Box::new(Xv6 {
        kernel: root_at(mode, root),
        table: (first, bytes, count.min(MOST_PROCESSES)),
        fields,
        states: states.collect(),
    })))
}

fn root_at(mode: Mode, at: u64) -> Satp {
    Satp {
        mode,
        asid: 0,
        root: PhysAddr::new(at),
    }
}

impl Xv6 {
    fn task(&self, part: &Part, record: u64) -> Option<OsTask> {
        let state = part.number(self.fields.state);
        let pid = part.number(self.fields.pid);
        let state = self.states.iter().find(|(value, _)| *value == state);
        // An unused entry has no number.
        let state = match state {
            Some((_, word)) => word,
            None if pid == 0 => return None,
            None => "other",
        };
        let root = part.number(self.fields.root);
        Some(OsTask {
            pid,
            name: part.text(self.fields.name),
            state,
            satp: (root != 0).then(|| root_at(self.kernel.mode, root)),
            resident_bytes: None,
            table_bytes: None,
            faults: None,
            record,
        })
    }
}

impl OsSystem for Xv6 {
    fn name(&self) -> String {
        "xv6".to_owned()
    }

    fn kernel(&self) -> Satp {
        self.kernel
    }

    fn tasks(&self, memory: &mut dyn KernelReader) -> Result<Vec<OsTask>, OsError> {
        let (first, bytes, count) = self.table;
        let mut virt = Virtual::new(memory, self.kernel);
        let mut tasks = Vec::new();
        for index in 0..count {
            let at = first.wrapping_add(index * bytes);
            let part = Part::read(&mut virt, "proc", at, &self.fields.all())?;
            tasks.extend(self.task(&part, at));
        }
        Ok(tasks)
    }

    fn linear(&self, at: PhysAddr) -> Option<u64> {
        Some(at.raw())
    }

    fn image(&self) -> Option<CoreRange> {
        None
    }

    fn note(&self) -> Option<(&'static str, Vec<u8>)> {
        None
    }

    fn areas(&self) -> Vec<VirtArea> {
        Vec::new()
    }

    fn functions(
        &self,
        _: &mut dyn KernelReader,
        addresses: &[u64],
    ) -> Result<Vec<Option<(String, u64)>>, OsError> {
        Ok(vec![None; addresses.len()])
    }

    /// What the process has from 0 on: its program, stack and heap.
    fn mappings(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Vec<VirtArea>, OsError> {
        let mut virt = Virtual::new(memory, self.kernel);
        let part = Part::read(&mut virt, "proc", task.record, &[self.fields.size])?;
        let last = part.number(self.fields.size).checked_sub(1);
        let own = |last| VirtArea {
            bounds: (0, last),
            name: task.name.clone(),
        };
        Ok(last.map(own).into_iter().collect())
    }

    fn saved(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Option<SavedRegisters>, OsError> {
        if task.state == "running" || task.state == "zombie" {
            return Ok(None);
        }
        let mut virt = Virtual::new(memory, self.kernel);
        let part = Part::read(&mut virt, "proc", task.record, &self.fields.saved)?;
        let [pc, sp, fp] = self.fields.saved.map(|field| part.number(field));
        Ok(Some(SavedRegisters { pc, sp, fp }))
    }
}
