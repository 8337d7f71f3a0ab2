//! Offsets of the members of Linux's structures that are read.

use super::super::OsError;
use super::super::layouts::{Layouts, offset};

/// Offsets in bytes; `None` for what some versions do not have.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub tasks: u64,
    pub pid: u64,
    pub comm: u64,
    pub mm: u64,
    /// `state` before 5.14.
    pub state: u64,
    pub exit_state: u64,
    pub flags: u64,
    pub minor_faults: u64,
    pub major_faults: u64,
    pub pgd: u64,
    pub asid: Option<u64>,
    pub table_bytes: Option<u64>,
    pub resident: Option<Resident>,
    /// Return address, stack pointer and `s0` of a thread that is not running.
    pub saved: Option<[u64; 3]>,
}

/// Counters of resident pages: of files, anonymous, in swap, shared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resident {
    /// Of the first counter's value.
    pub first: u64,
    /// From one counter to the next.
    pub step: u64,
    /// From a counter's value to the address of what each CPU has counted and not added yet.
    pub per_cpu: Option<u64>,
}

impl Fields {
    pub fn of(layouts: &impl Layouts) -> Result<Fields, OsError> {
        let task = |path| offset(layouts, "task_struct", path);
        let state = layouts.member("task_struct", "__state");
        // An array of per-CPU counters since 6.2, of plain ones before.
        let rss = layouts.member("mm_struct", "rss_stat");
        let count = layouts.member("mm_struct", "rss_stat.count");
        let per_cpu = layouts
            .member("percpu_counter", "count")
            .zip(layouts.size("percpu_counter"));
        let resident = match (count, rss, per_cpu) {
            (Some(first), ..) => Some(Resident {
                first,
                step: 8,
                per_cpu: None,
            }),
            (None, Some(rss), Some((count, step))) => Some(Resident {
                first: rss + count,
                step,
                per_cpu: layouts
                    .member("percpu_counter", "counters")
                    .and_then(|at| at.checked_sub(count)),
            }),
            _ => None,
        };
        Ok(Fields {
            tasks: task("tasks")?,
            pid: task("pid")?,
            comm: task("comm")?,
            mm: task("mm")?,
            state: state.map_or_else(|| task("state"), Ok)?,
            exit_state: task("exit_state")?,
            flags: task("flags")?,
            minor_faults: task("min_flt")?,
            major_faults: task("maj_flt")?,
            pgd: offset(layouts, "mm_struct", "pgd")?,
            asid: layouts.member("mm_struct", "context.id"),
            table_bytes: layouts.member("mm_struct", "pgtables_bytes"),
            resident,
            saved: saved(layouts),
        })
    }

    /// Members of `task_struct`: offset and bytes of each.
    pub fn of_task(&self) -> [(u64, u64); 9] {
        [
            (self.tasks, 8),
            (self.pid, 4),
            (self.comm, COMM_BYTES),
            (self.mm, 8),
            (self.state, 4),
            (self.exit_state, 4),
            (self.flags, 4),
            (self.minor_faults, 8),
            (self.major_faults, 8),
        ]
    }

    /// Members of `mm_struct`.
    pub fn of_mm(&self) -> Vec<(u64, u64)> {
        let last = |it: &Resident| it.first + it.step * 3;
        let per_cpu = self
            .resident
            .and_then(|it| Some((last(&it) + it.per_cpu?, 8)));
        let counters = self.resident.map(|it| (it.first, last(&it) + 8 - it.first));
        let asid = self.asid.map(|at| (at, 8));
        let tables = self.table_bytes.map(|at| (at, 8));
        let all = [Some((self.pgd, 8)), counters, per_cpu, asid, tables];
        all.into_iter().flatten().collect()
    }
}

/// Bytes of a task's name: TASK_COMM_LEN.
pub(super) const COMM_BYTES: u64 = 16;

fn saved(layouts: &impl Layouts) -> Option<[u64; 3]> {
    let thread = |path| layouts.member("task_struct", path);
    Some([
        thread("thread.ra")?,
        thread("thread.sp")?,
        thread("thread.s")?,
    ])
}
