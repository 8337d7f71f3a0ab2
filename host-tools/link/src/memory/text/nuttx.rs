//! NuttX's MMU log: one or two lines for each entry set.
//!
//! ```text
//! mmu_ln_setentry: ptlevel=1, lnvaddr=0x50407000, paddr=0x50406000, vaddr=0x50200000, mmuflags=0x20
//! mmu_ln_setentry: index=0x1, paddr=0x50406000, mmuflags=0x21, pte_addr=0x50407008, pte_val=0x14101821
//! ```
//!
//! NuttX counts levels from 1 at the root. The optional second line is the entry itself; without it the entry
//! is computed as NuttX does. NuttX clears a table before it sets entries: those that are not logged are
//! zero.

use pagetable::{PAGE_BYTES, PhysAddr, Pte, VirtAddr};

use super::super::Sparse;
use super::{Reading, address};

/// Stores the entry of a line; false if the line has another format.
pub fn line(text: &str, reading: Reading, memory: &mut Sparse) -> bool {
    let Some((_, fields)) = text.split_once("mmu_ln_setentry:") else {
        return false;
    };
    let told = field(fields, "pte_addr")
        .zip(field(fields, "pte_val"))
        .or_else(|| entry(fields, reading));
    let Some((at, value)) = told else {
        return false;
    };
    let at = PhysAddr::new(reading.base.wrapping_add(at));
    let table = at.align_down(PAGE_BYTES);
    memory.put_zeros(table.raw(), table.raw().saturating_add(PAGE_BYTES));
    let bytes = &value.to_le_bytes()[..reading.mode.entry_bytes()];
    memory.put(at.raw(), bytes);
    true
}

fn field(text: &str, name: &str) -> Option<u64> {
    let parts = text.split([',', ' ']);
    let value = parts.filter_map(|part| part.split_once('='));
    let (_, value) = value.into_iter().find(|(key, _)| *key == name)?;
    address(value)
}

/// Address and value of the entry, computed from the mapping.
fn entry(text: &str, reading: Reading) -> Option<(u64, u64)> {
    let mode = reading.mode;
    let from_root = u8::try_from(field(text, "ptlevel")?).ok()?;
    let level = mode.levels().checked_sub(from_root)?;
    let va = VirtAddr::new(field(text, "vaddr")?);
    let index = mode.index(va, level) as u64;
    let table = field(text, "lnvaddr")?;
    let at = table.checked_add(index * mode.entry_bytes() as u64)?;
    let flags = field(text, "mmuflags")?;
    let mut pte = Pte::leaf(mode, PhysAddr::new(field(text, "paddr")?), flags);
    if pte.is_leaf() {
        pte = pte.with(Pte::ACCESSED | Pte::DIRTY);
    }
    Some((at, pte.raw()))
}
