//! Every entry of a space's tables, as they stand in memory.

use pagetable::{PhysAddr, Pte};

use crate::mm::layout::kernel_entries;
use crate::mm::{Machine, Space};

/// Place in the tree of tables (as level and first address) and bits of every entry that is
/// not empty.
pub fn all<M: Machine>(space: &Space, machine: &M) -> Vec<(u8, u64, u64)> {
    let mut found = Vec::new();
    below(machine, space.root(), M::MODE.levels() - 1, 0, &mut found);
    let kernel = kernel_entries(M::MODE);
    let top = M::MODE.leaf_bytes(M::MODE.levels() - 1);
    found.retain(|(_, va, _)| !kernel.contains(&((va / top) as usize)));
    found
}

fn below<M: Machine>(
    machine: &M,
    table: PhysAddr,
    level: u8,
    base: u64,
    into: &mut Vec<(u8, u64, u64)>,
) {
    for index in 0..M::MODE.entries() {
        let entry = machine.read_entry(table.wrapping_add((index * M::MODE.entry_bytes()) as u64));
        let va = base + index as u64 * M::MODE.leaf_bytes(level);
        let pte = Pte::new(entry);
        let pointer = pte.is_valid() && !pte.is_leaf() && level > 0;
        if entry != 0 && !pointer {
            into.push((level, va, entry));
        }
        if pointer {
            below(machine, pte.target(M::MODE), level - 1, va, into);
        }
    }
}
