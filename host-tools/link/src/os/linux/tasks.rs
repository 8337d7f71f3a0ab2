//! Linux's list of tasks: `init_task`, and from each the next.

use pagetable::Satp;

use super::super::part::Part;
use super::super::{KernelReader, OsError, OsTask, SavedRegisters, Virtual};
use super::Linux;
use super::fields::{COMM_BYTES, Fields, Resident};

/// Most tasks that are believed: the largest pid_max.
const MOST_TASKS: usize = 1 << 22;
/// PF_KTHREAD in `task_struct.flags`: a thread of the kernel.
const KERNEL_THREAD: u32 = 0x0020_0000;

/// All tasks but the idle ones, which have no number of their own.
pub(super) fn read(linux: &Linux, memory: &mut dyn KernelReader) -> Result<Vec<OsTask>, OsError> {
    const WHAT: &str = "the list of tasks";
    let init = linux.symbol("init_task")?;
    let mut virt = Virtual::new(memory, linux.kernel);
    let asids = match linux.symbol("num_asids") {
        Ok(at) => virt.word("num_asids", at)?,
        Err(_) => 0,
    };
    let cpus = per_cpu_offsets(&mut virt, linux)?;
    let fields = &linux.fields;
    let mut tasks = Vec::new();
    let mut at = virt.word(WHAT, init.wrapping_add(fields.tasks))?;
    loop {
        let record = at.wrapping_sub(fields.tasks);
        if record == init {
            return Ok(tasks);
        }
        if tasks.len() == MOST_TASKS {
            return Err(OsError::damaged(WHAT, "it does not end"));
        }
        let part = Part::read(&mut virt, WHAT, record, &fields.of_task())?;
        tasks.push(task(&mut virt, linux, &part, record, asids, &cpus)?);
        at = part.word(fields.tasks);
    }
}

fn task(
    virt: &mut Virtual,
    linux: &Linux,
    part: &Part,
    record: u64,
    asids: u64,
    cpus: &[u64],
) -> Result<OsTask, OsError> {
    let fields = &linux.fields;
    let comm: [u8; COMM_BYTES as usize] = part.bytes(fields.comm);
    let end = comm.iter().position(|byte| *byte == 0);
    let comm = String::from_utf8_lossy(&comm[..end.unwrap_or(comm.len())]);
    let is_kernels = part.word32(fields.flags) & KERNEL_THREAD != 0;
    let (minor, major) = (fields.minor_faults, fields.major_faults);
    let faults = part.word(minor).saturating_add(part.word(major));
    let mut task = OsTask {
        pid: u64::from(part.word32(fields.pid)),
        name: match is_kernels {
            true => format!("[{comm}]"),
            false => comm.into_owned(),
        },
        state: state(part.word32(fields.state), part.word32(fields.exit_state)),
        satp: None,
        resident_bytes: None,
        table_bytes: None,
        faults: Some(faults),
        record,
    };
    let mm = part.word(fields.mm);
    // A thread of the kernel borrows memory of a process for a while, which is not its own.
    if mm == 0 || is_kernels {
        return Ok(task);
    }
    let part = Part::read(virt, "mm_struct", mm, &fields.of_mm())?;
    task.satp = Some(root(virt, linux, &part, asids)?);
    task.table_bytes = fields.table_bytes.map(|at| part.word(at));
    task.resident_bytes = match fields.resident {
        Some(counters) => {
            let pages = resident(virt, &part, counters, cpus)?;
            Some(pages.saturating_mul(pagetable::PAGE_BYTES))
        }
        None => None,
    };
    Ok(task)
}

/// What `__switch_to` saved of a task; nothing of one that may be running.
pub(super) fn saved(
    linux: &Linux,
    memory: &mut dyn KernelReader,
    task: &OsTask,
) -> Result<Option<SavedRegisters>, OsError> {
    let Some(saved) = linux.fields.saved.filter(|_| task.state != "running") else {
        return Ok(None);
    };
    let mut virt = Virtual::new(memory, linux.kernel);
    let members = saved.map(|at| (at, 8));
    let part = Part::read(&mut virt, "task_struct", task.record, &members)?;
    let [pc, sp, fp] = saved.map(|at| part.word(at));
    Ok(Some(SavedRegisters { pc, sp, fp }))
}

/// Resident pages: of files, anonymous, and shared. The third counter is of what is in swap.
fn resident(
    virt: &mut Virtual,
    mm: &Part,
    counters: Resident,
    cpus: &[u64],
) -> Result<u64, OsError> {
    const KINDS: [u64; 3] = [0, 1, 3];
    let value = |kind: u64| mm.word(counters.first + kind * counters.step) as i64;
    let mut sum = KINDS.into_iter().map(value).fold(0, i64::saturating_add);
    if let Some(per_cpu) = counters.per_cpu {
        // The counters of one process are allocated together: of each CPU, 4 bytes side by side.
        let first = mm.word(counters.first + per_cpu);
        let last = mm.word(counters.first + 3 * counters.step + per_cpu);
        let is_together = last == first.wrapping_add(12);
        for cpu in cpus.iter().filter(|_| is_together) {
            let counted = virt.bytes("percpu_counter", first.wrapping_add(*cpu), 16)?;
            let counted = counted.as_chunks::<4>().0;
            let own = |kind: u64| i64::from(i32::from_le_bytes(counted[kind as usize]));
            sum = KINDS.into_iter().map(own).fold(sum, i64::saturating_add);
        }
    }
    Ok(sum.max(0) as u64)
}

/// What is added to an address for each CPU.
fn per_cpu_offsets(virt: &mut Virtual, linux: &Linux) -> Result<Vec<u64>, OsError> {
    /// Most CPUs of a RISC-V Linux: NR_CPUS.
    const MOST_CPUS: u32 = 512;
    let (Ok(count), Ok(offsets)) = (linux.symbol("nr_cpu_ids"), linux.symbol("__per_cpu_offset"))
    else {
        return Ok(Vec::new());
    };
    let count = virt.word32("nr_cpu_ids", count)?.min(MOST_CPUS);
    let offsets = virt.bytes("__per_cpu_offset", offsets, count as usize * 8)?;
    let offsets = offsets.as_chunks::<8>().0.iter();
    Ok(offsets.map(|it| u64::from_le_bytes(*it)).collect())
}

/// The root of a process, with its ASID where the kernel gives it one.
fn root(virt: &mut Virtual, linux: &Linux, mm: &Part, asids: u64) -> Result<Satp, OsError> {
    let Fields { pgd, asid, .. } = linux.fields;
    let asid = match asid {
        // The number of an address space is above the ASID: arch/riscv/mm/context.c.
        Some(at) if asids.is_power_of_two() => mm.word(at) & (asids - 1),
        _ => 0,
    };
    Ok(Satp {
        mode: linux.kernel.mode,
        asid: asid as u16,
        root: virt.physical("pgd", mm.word(pgd))?,
    })
}

/// A state as a word: Linux, include/linux/sched.h and fs/proc/array.c.
fn state(state: u32, exit: u32) -> &'static str {
    const IDLE: u32 = 0x402;
    if exit & 0x20 != 0 {
        return "zombie";
    }
    if exit & 0x10 != 0 {
        return "dead";
    }
    match state {
        0 => "running",
        IDLE => "idle",
        it if it & 1 != 0 => "sleeping",
        it if it & 2 != 0 => "disk sleep",
        it if it & 4 != 0 => "stopped",
        it if it & 8 != 0 => "traced",
        it if it & 0x40 != 0 => "parked",
        _ => "other",
    }
}
