//! What is mapped: permissions, use bits, memory types.

use std::collections::HashMap;

use pagetable::{Attributes, MemoryType, Mode, Pbmt, PhysAddr, Pte, VirtAddr};

use super::{Lint, LintMachine, rule};
use crate::Space;
use crate::space::MappedRange;

pub(super) fn judge(place: usize, space: &Space, machine: &LintMachine, found: &mut Vec<Lint>) {
    let mut note = |name: &str, range: &MappedRange, detail: String| {
        found.push(Lint {
            pa: Some(range.pa),
            bytes: range.bytes,
            ..Lint::new(rule(name), place, range.va, detail)
        });
    };
    for range in &space.ranges {
        let flags = range.flags();
        let letters = || flags.flags().to_string();
        match flags.has(Pte::WRITE | Pte::EXEC) {
            true if flags.has(Pte::USER) => note("user-write-and-execute", range, letters()),
            true => note("write-and-execute", range, letters()),
            false => {}
        }
        // RV32 has no halves: where a kernel begins there is its own choice.
        let is_upper = space.mode() != Mode::Sv32 && range.va.raw() >> 63 != 0;
        if flags.has(Pte::USER) && is_upper {
            note("user-in-kernel-half", range, letters());
        }
        if machine.svade == Some(true) {
            if !flags.has(Pte::ACCESSED) {
                note("accessed-clear", range, letters());
            } else if flags.has(Pte::WRITE) && !flags.has(Pte::DIRTY) {
                note("dirty-clear", range, letters());
            }
        }
        if let Some((name, words)) = wrong_type(range, machine) {
            note(name, range, words.to_owned());
        }
    }
    napot(place, space, found);
}

/// The memory type against what the address is known to be.
fn wrong_type(range: &MappedRange, machine: &LintMachine) -> Option<(&'static str, &'static str)> {
    let is_ram = machine.is_ram(range.pa)?;
    match (is_ram, range.attributes()) {
        (false, Attributes::THead(bits)) if bits.cacheable => {
            Some(("device-cacheable", "cacheable, and no memory"))
        }
        (false, Attributes::Pbmt(Pbmt::NonCacheable)) => Some((
            "device-cacheable",
            "NC is for memory: accesses may be merged and repeated",
        )),
        (true, Attributes::THead(bits)) if bits.strong_order => {
            Some(("ram-as-device", "strongly ordered"))
        }
        (true, attributes @ Attributes::Pbmt(_))
            if attributes.memory_type() == Some(MemoryType::Device) =>
        {
            Some(("ram-as-device", "IO"))
        }
        _ => None,
    }
}

/// Svnapot's pages must be whole: 16 entries alike.
fn napot(place: usize, space: &Space, found: &mut Vec<Lint>) {
    for range in space.ranges.iter().filter(|range| range.leaf.is_napot) {
        let page = range.leaf.page_bytes;
        if range.va.offset(page) == 0 && range.bytes.is_multiple_of(page) {
            continue;
        }
        found.push(Lint {
            pa: Some(range.pa),
            bytes: range.bytes,
            ..Lint::new(
                rule("napot-mixed"),
                place,
                range.va,
                format!("{} of 16 entries are alike", range.bytes % page / 4096),
            )
        });
    }
}

/// Where a page is in one space: address, target, flags.
type Key = (VirtAddr, PhysAddr, u64, u64);

/// Kernel pages in more than one root: shared without G, and with G but not the same.
pub(super) fn shared(spaces: &[Space], found: &mut Vec<Lint>) {
    let is_kernel = |range: &&MappedRange| !range.flags().has(Pte::USER);
    let mut seen: HashMap<Key, usize> = HashMap::new();
    let mut globals: HashMap<VirtAddr, (PhysAddr, usize)> = HashMap::new();
    // One root counts once, by whatever name.
    let mut roots = Vec::new();
    for (place, space) in spaces.iter().enumerate() {
        if roots.contains(&space.root) {
            continue;
        }
        roots.push(space.root);
        for range in space.ranges.iter().filter(is_kernel) {
            if range.flags().has(Pte::GLOBAL) {
                let (pa, first) = *globals.entry(range.va).or_insert((range.pa, place));
                if pa != range.pa {
                    found.push(Lint {
                        pa: Some(range.pa),
                        bytes: range.bytes,
                        ..Lint::new(
                            rule("global-differs"),
                            place,
                            range.va,
                            format!(
                                "{} here, {pa} in root {}",
                                range.pa, spaces[first].root.table
                            ),
                        )
                    });
                }
                continue;
            }
            let key = (range.va, range.pa, range.bytes, range.flags().raw() & 0x3f);
            let times = seen.entry(key).or_default();
            *times += 1;
            if *times == 2 {
                found.push(Lint {
                    pa: Some(range.pa),
                    bytes: range.bytes,
                    ..Lint::new(
                        rule("shared-without-global"),
                        place,
                        range.va,
                        range.flags().flags().to_string(),
                    )
                });
            }
        }
    }
}
