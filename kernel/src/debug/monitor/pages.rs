//! A task's page table, a line for each page, in the words of Xous: what is there, and what is
//! reserved and comes when it is touched.

use core::fmt::{self, Write};

use pagetable::{Pte, VirtAddr};

use crate::mm::{Machine, PAGE_BYTES, Prot, Region, Space, table};

/// Index n + 1 goes on at virtual page n.
pub fn line<M: Machine>(
    machine: &M,
    space: &Space,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let from = (index.saturating_sub(1) as u64).saturating_mul(PAGE_BYTES);
    let ahead = |from: u64| {
        let shown = |region: &&Region| region.end().raw() > from && region.prot != Prot::NONE;
        space.regions().iter().find(shown)
    };
    let Some(region) = ahead(from) else {
        return Ok(0);
    };
    let va = VirtAddr::new(from.max(region.base.raw()));
    let stop = table::walk(machine, space.root(), va);
    let page = table::page_of::<M>(stop.entry, stop.level);
    let at = page.map_or(0, |page| {
        page.raw() + va.offset(M::MODE.leaf_bytes(stop.level))
    });
    let bits = if page.is_some() {
        stop.entry & !STORED
    } else {
        region.prot.bits()
    };
    let digits = if M::MODE.entry_bytes() == 4 { 8 } else { 10 };
    write!(
        out,
        "{:>3} {:0digits$x} -> ",
        M::MODE.index(va, 0),
        va.raw()
    )?;
    let slot = match page {
        Some(_) => None,
        None => space.slot_at(machine, va),
    };
    match slot {
        Some(slot) => {
            writeln!(out, "slot {slot} (flags: {})", LeafFlags(bits | STORED))?;
        }
        None => writeln!(out, "{at:0digits$x} (flags: {})", LeafFlags(bits))?,
    }
    let next = va.raw() + PAGE_BYTES;
    Ok(match ahead(next) {
        Some(region) => (next.max(region.base.raw()) / PAGE_BYTES) as usize + 1,
        None => 0,
    })
}

/// Bit 9 of an entry that is not valid: the page is in the backing store, as in Xous.
const STORED: u64 = 1 << 9;

struct LeafFlags(u64);

impl fmt::Display for LeafFlags {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names = [
            (Pte::VALID, "VALID"),
            (Pte::READ, "R"),
            (Pte::WRITE, "W"),
            (Pte::EXEC, "X"),
            (Pte::USER, "USER"),
            (Pte::GLOBAL, "GLOBAL"),
            (Pte::ACCESSED, "A"),
            (Pte::DIRTY, "D"),
            (STORED, "P"),
        ];
        let mut first = true;
        for (bit, name) in names {
            if self.0 & bit != 0 {
                f.write_str(if first { "" } else { " | " })?;
                f.write_str(name)?;
                first = false;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mm::tests::machine::{Bench, Sv32};
    use crate::mm::{MapRequest, Placement};

    #[test]
    fn what_is_reserved_is_shown_as_xous_shows_it() {
        let mut bench = Bench::<Sv32>::new(Default::default(), 40);
        let mut space = bench.space(1);
        let at = Placement::At(VirtAddr::new(0x6002_b000));
        space.map::<Sv32>(at, &MapRequest::zeros(2)).unwrap();
        let said = |space: &Space, bench: &Bench<Sv32>, index| {
            let mut text = String::new();
            let next = line(&bench.machine, space, index, &mut text).unwrap();
            (text, next)
        };
        let (first, next) = said(&space, &bench, 0);
        assert_eq!(first, " 43 6002b000 -> 00000000 (flags: R | W)\n");
        bench.store(&mut space, 0x6002_c000, 1).unwrap();
        let (second, end) = said(&space, &bench, next);
        let (head, flags) = second.split_once(" (").unwrap();
        assert!(head.starts_with(" 44 6002c000 -> 800"), "{second}");
        assert_eq!(flags, "flags: VALID | R | W | USER | A | D)\n");
        assert_eq!(end, 0);
    }

    #[test]
    fn a_page_in_the_store_has_its_slot_and_the_flag_p() {
        let mut bench = Bench::<Sv32>::with_store(Default::default(), 40, 4);
        let mut space = bench.space(1);
        let at = VirtAddr::new(0x6002_b000);
        space
            .map::<Sv32>(Placement::At(at), &MapRequest::zeros(1))
            .unwrap();
        bench.store(&mut space, at.raw(), 1).unwrap();
        bench.evict(&mut space, at).unwrap();
        let mut text = String::new();
        line(&bench.machine, &space, 0, &mut text).unwrap();
        assert_eq!(text, " 43 6002b000 -> slot 0 (flags: R | W | P)\n");
    }
}
