//! Linux: found by the VMCOREINFO in its memory, described by its own kallsyms and BTF, or by a vmlinux.
//!
//! ```text
//! OSRELEASE=…  ──  kallsyms_names, …  ──  init_task, __start_BTF  ──  task_struct, mm_struct
//! a page of RAM    symbols                                            offsets of members
//! ```
//!
//! So a distribution's stripped kernel is read as it is. One without kallsyms or BTF needs its vmlinux, with DWARF.

mod areas;
mod fields;
mod maple;
mod mappings;
mod tasks;

use std::collections::BTreeMap;

use pagetable::{PhysAddr, Satp};

use super::btf::Btf;
use super::layouts::Layouts;
use super::{
    Hints, KernelFile, KernelReader, OsError, OsSystem, OsTask, SavedRegisters, VirtArea, Virtual,
    kallsyms,
};
use crate::memory::vmcore::CoreRange;
use crate::memory::{PhysRange, VmcoreInfo};
use fields::Fields;
use mappings::MappingFields;

/// A Linux, with what is known of its structures.
struct Linux {
    info: VmcoreInfo,
    kernel: Satp,
    symbols: BTreeMap<String, u64>,
    fields: Fields,
    /// `None` for a kernel before 6.1.
    mappings: Option<MappingFields>,
}

/// Symbols that are used where they are.
const SYMBOLS: &[&str] = &[
    "init_task",
    "num_asids",
    "nr_cpu_ids",
    "__per_cpu_offset",
    "special_mapping_vmops",
    "_end",
    "__start_BTF",
    "__stop_BTF",
];

/// Most bytes of a BTF section that are believed.
const MOST_BTF: u64 = 1 << 27;

/// Finds a Linux.
pub(super) fn find(
    memory: &mut dyn KernelReader,
    hints: &Hints,
) -> Result<Option<Box<dyn OsSystem>>, OsError> {
    let noted = hints.info.kernel().map(|_| hints.info.clone());
    let info = match noted {
        Some(info) => Some(info),
        None => vmcoreinfo(memory, hints)?,
    };
    let Some((kernel, info)) = info.and_then(|info| Some((info.kernel()?, info))) else {
        return Ok(None);
    };
    let mut virt = Virtual::new(memory, kernel);
    let mut symbols = match (kallsyms::find(&mut virt, &info, SYMBOLS), hints.program) {
        (Ok(symbols), _) => symbols,
        (Err(OsError::Symbol(_)), Some(program)) => linked_symbols(program, &info)?,
        (Err(error), _) => return Err(error),
    };
    // A kernel may keep the names of its functions alone.
    if let Some(program) = hints.program
        && let Ok(linked) = linked_symbols(program, &info)
    {
        for (name, at) in linked {
            symbols.entry(name).or_insert(at);
        }
    }
    let (fields, mappings) = match (btf(&mut virt, &symbols), hints.program) {
        (Ok(btf), _) => (Fields::of(&btf)?, MappingFields::of(&btf)),
        (Err(_), Some(vmlinux)) if vmlinux.size("task_struct").is_some() => {
            (Fields::of(vmlinux)?, MappingFields::of(vmlinux))
        }
        (Err(_), Some(_)) => return Err(OsError::NoLayouts),
        (Err(error), None) => return Err(error),
    };
    Ok(Some(Box::new(Linux {
        info,
        kernel,
        symbols,
        fields,
        mappings,
    })))
}

/// The layouts that the kernel carries in its own memory.
fn btf(virt: &mut Virtual, symbols: &BTreeMap<String, u64>) -> Result<Btf, OsError> {
    let symbol = |name: &str| {
        let found = symbols.get(name).copied();
        found.ok_or_else(|| OsError::Symbol(name.to_owned()))
    };
    let (from, end) = (symbol("__start_BTF")?, symbol("__stop_BTF")?);
    let bytes = end.checked_sub(from).filter(|bytes| *bytes <= MOST_BTF);
    let bytes = bytes.ok_or_else(|| OsError::damaged("BTF", "it ends before it begins"))?;
    let section = virt.bytes("BTF", from, bytes as usize)?;
    let btf = Btf::read(&section);
    btf.ok_or_else(|| OsError::damaged("BTF", "it is no list of types"))
}

/// Symbols of a vmlinux, moved by as much as the kernel was: by KASLR.
fn linked_symbols(
    vmlinux: &KernelFile,
    info: &VmcoreInfo,
) -> Result<BTreeMap<String, u64>, OsError> {
    const KNOWN: &str = "swapper_pg_dir";
    let missing = || OsError::Symbol(KNOWN.to_owned());
    let linked = vmlinux.symbol(KNOWN).ok_or_else(missing)?;
    let moved_by = info.symbol(KNOWN).ok_or_else(missing)?.wrapping_sub(linked);
    let moved = SYMBOLS.iter().filter_map(|name| {
        let at = vmlinux.symbol(name)?;
        Some(((*name).to_owned(), at.wrapping_add(moved_by)))
    });
    Ok(moved.collect())
}

impl Linux {
    fn symbol(&self, name: &str) -> Result<u64, OsError> {
        let found = self.symbols.get(name).copied();
        found.ok_or_else(|| OsError::Symbol(name.to_owned()))
    }
}

/// Looks at the begin of every page of memory for the text that the kernel keeps of itself.
fn vmcoreinfo(memory: &mut dyn KernelReader, hints: &Hints) -> Result<Option<VmcoreInfo>, OsError> {
    /// Pages that are asked for together.
    const BATCH: usize = 1 << 12;
    let pages = hints.ram.iter().flat_map(|range| {
        let first = range.first.checked_next_multiple_of(pagetable::PAGE_BYTES);
        let first = first.into_iter();
        first.flat_map(|first| (first..=range.last).step_by(pagetable::PAGE_BYTES as usize))
    });
    let mut pages = pages.map(PhysAddr::new).peekable();
    while pages.peek().is_some() {
        let batch: Vec<(PhysAddr, usize)> = pages
            .by_ref()
            .take(BATCH)
            .map(|at| (at, VmcoreInfo::HEAD_BYTES))
            .collect();
        let heads = memory.read_each(&batch)?;
        for ((at, _), head) in batch.iter().zip(heads) {
            if !head.is_some_and(|head| VmcoreInfo::begins(&head)) {
                continue;
            }
            let mut page = vec![0; pagetable::PAGE_BYTES as usize];
            memory.read_physical(*at, &mut page)?;
            let info = VmcoreInfo::new(&page);
            // A copy of the text that is older than the kernel's start says the same, or too little.
            if info.kernel().is_some() {
                return Ok(Some(info));
            }
        }
    }
    Ok(None)
}

impl OsSystem for Linux {
    fn name(&self) -> String {
        format!("Linux {}", self.info.field("OSRELEASE").unwrap_or_default())
    }

    fn kernel(&self) -> Satp {
        self.kernel
    }

    fn tasks(&self, memory: &mut dyn KernelReader) -> Result<Vec<OsTask>, OsError> {
        tasks::read(self, memory)
    }

    fn linear(&self, at: PhysAddr) -> Option<u64> {
        let into = at.raw().checked_sub(self.info.number("phys_ram_base")?)?;
        self.info.number("PAGE_OFFSET")?.checked_add(into)
    }

    fn image(&self) -> Option<CoreRange> {
        let va = self.info.number("KERNEL_LINK_ADDR")?;
        let end = *self.symbols.get("_end")?;
        let pa = va.wrapping_sub(self.info.number("va_kernel_pa_offset")?);
        let bytes = end.checked_sub(va)?;
        let bytes = bytes.checked_next_multiple_of(pagetable::PAGE_BYTES)?;
        let range = PhysRange::of(pa, bytes)?;
        Some(CoreRange { range, va })
    }

    fn note(&self) -> Option<(&'static str, Vec<u8>)> {
        Some(("VMCOREINFO", self.info.text().to_vec()))
    }

    fn areas(&self) -> Vec<VirtArea> {
        areas::of(&self.info)
    }

    fn functions(
        &self,
        memory: &mut dyn KernelReader,
        addresses: &[u64],
    ) -> Result<Vec<Option<(String, u64)>>, OsError> {
        let mut virt = Virtual::new(memory, self.kernel);
        match kallsyms::functions(&mut virt, &self.info, addresses) {
            // Without kallsyms only a vmlinux knows them.
            Err(OsError::Symbol(_)) => Ok(vec![None; addresses.len()]),
            found => found,
        }
    }

    fn mappings(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Vec<VirtArea>, OsError> {
        mappings::read(self, memory, task)
    }

    fn saved(
        &self,
        memory: &mut dyn KernelReader,
        task: &OsTask,
    ) -> Result<Option<SavedRegisters>, OsError> {
        tasks::saved(self, memory, task)
    }
}
