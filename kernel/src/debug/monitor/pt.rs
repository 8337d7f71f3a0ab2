//! A task's page table and regions: runs of pages with equal flags, and what is not there.

use core::fmt::{self, Write};

use pagetable::{Pte, VirtAddr};

use crate::mm::{Machine, Object, PAGE_BYTES, Region, Space, table};

/// Index n + 1 goes on at virtual page n.
pub fn line<M: Machine>(
    machine: &M,
    space: &Space,
    index: usize,
    out: &mut impl Write,
) -> Result<usize, fmt::Error> {
    let Some(page) = index.checked_sub(1) else {
        writeln!(
            out,
            "{:<18}    {:<18} {:>10} FLAGS   REGION",
            "VA", "PA", "SIZE"
        )?;
        return Ok(1);
    };
    let at = (page as u64).saturating_mul(PAGE_BYTES);
    let ahead = |from: u64| {
        let mut regions = space.regions().iter();
        regions.find(move |region| region.end().raw() > from)
    };
    let Some(region) = ahead(at) else {
        return Ok(0);
    };
    let run = run(machine, space, region, at.max(region.base.raw()));
    write!(out, "{:#018x} -> ", run.from)?;
    match run.seen {
        Seen::Leaf(entry) => write!(out, "{:#018x}", Pte::new(entry).target(M::MODE).raw())?,
        Seen::Slot(slot) => write!(out, "slot {slot:<13}")?,
        Seen::Nothing => write!(out, "{:<18}", "-")?,
    }
    let kib = (run.end - run.from) / 1024;
    writeln!(
        out,
        " {kib:>7}KiB {}{}  {}",
        RegionFlags(region, run.seen),
        match run.seen {
            Seen::Leaf(entry) if table::lent_page::<M>(entry).is_some() => 's',
            Seen::Slot(_) => 'P',
            _ => ' ',
        },
        region.kind.class()
    )?;
    Ok(match ahead(run.end) {
        Some(_) => (run.end / PAGE_BYTES) as usize + 1,
        None => 0,
    })
}

/// What the table permits, or what the region will where nothing is mapped yet.
struct RegionFlags<'a>(&'a Region, Seen);

impl fmt::Display for RegionFlags<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let prot = self.0.prot;
        let bits = match self.1 {
            Seen::Leaf(entry) => entry,
            _ => 0,
        };
        let has = |bit: u64| bits & bit != 0;
        let [read, write, execute] = match self.1 {
            Seen::Leaf(_) => [has(Pte::READ), has(Pte::WRITE), has(Pte::EXEC)],
            _ => [prot.read(), prot.write(), prot.execute()],
        };
        let letters = [
            (read, 'r'),
            (write, 'w'),
            (execute, 'x'),
            (has(Pte::ACCESSED), 'a'),
            (has(Pte::DIRTY), 'd'),
        ];
        letters
            .into_iter()
            .try_for_each(|(on, letter)| f.write_char(if on { letter } else { '-' }))
    }
}

/// What is known of a page: its leaf, valid or lent; its slot of the backing store; or neither.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Nothing,
    Leaf(u64),
    Slot(u32),
}

/// Pages of one region that follow each other in physical memory too, with equal flags, or in slots,
/// or that are all not there.
struct Run {
    from: u64,
    end: u64,
    seen: Seen,
}

fn run<M: Machine>(machine: &M, space: &Space, region: &Region, from: u64) -> Run {
    let walk = |va: u64| {
        let stop = table::walk(machine, space.root(), VirtAddr::new(va));
        let is_there =
            Pte::new(stop.entry).is_valid() || table::lent_page::<M>(stop.entry).is_some();
        let is_shared = matches!(region.object, Object::Shared { .. });
        let slot = match table::slot_of(stop.entry) {
            None if is_shared && !is_there => space.slot_at(machine, VirtAddr::new(va)),
            slot => slot,
        };
        let seen = match slot {
            _ if is_there => Seen::Leaf(stop.entry),
            Some(slot) => Seen::Slot(slot),
            None => Seen::Nothing,
        };
        // A hole ends no sooner than what its entry would map: a region may be as large as
        // the address space, and most of it is never touched.
        let step = match seen {
            Seen::Nothing if !is_shared => M::MODE.leaf_bytes(stop.level),
            _ => PAGE_BYTES,
        };
        (seen, va / step * step + step)
    };
    let (seen, mut end) = walk(from);
    let expected = |va: u64| {
        let pages = (va - from) / PAGE_BYTES;
        match seen {
            // The physical page number begins at bit 10 of an entry.
            Seen::Leaf(entry) => Seen::Leaf(entry + (pages << 10)),
            Seen::Slot(slot) => Seen::Slot(slot + pages as u32),
            Seen::Nothing => Seen::Nothing,
        }
    };
    while end < region.end().raw() {
        let (next, next_end) = walk(end);
        if next != expected(end) {
            break;
        }
        end = next_end;
    }
    Run {
        from,
        end: end.min(region.end().raw()),
        seen,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use pagetable::{Dialect, Mode, PhysAddr};

    use super::*;
    use crate::mm::tests::machine::{Bench, Sv39};
    use crate::mm::{MapRequest, Placement};

    /// Every line, as a reader gets them who begins at index 0 and goes on at each index that is returned.
    fn lines(machine: &impl Machine, space: &Space) -> Vec<String> {
        let (mut lines, mut index) = (Vec::new(), 0);
        loop {
            let mut text = String::new();
            let next = line(machine, space, index, &mut text).unwrap();
            lines.push(text);
            if next == 0 {
                return lines;
            }
            assert!(next > index, "goes on, and does not go round");
            index = next;
        }
    }

    #[test]
    fn runs_and_holes_are_lines_and_add_up_to_the_regions() {
        let mut bench = Bench::<Sv39>::new(Default::default(), 200);
        let mut space = bench.space(1);
        let at = space
            .map::<Sv39>(Placement::ANYWHERE, &MapRequest::zeros(1000))
            .unwrap()
            .raw();
        for page in [3, 4, 5, 700, 999] {
            bench.store(&mut space, at + page * PAGE_BYTES, 1).unwrap();
        }
        let said = lines(&bench.machine, &space);
        let sizes: Vec<u64> = said[1..]
            .iter()
            .map(|line| {
                let kib = line.split_once("KiB").unwrap().0;
                kib.split_whitespace().last().unwrap().parse().unwrap()
            })
            .collect();
        assert_eq!(sizes.iter().sum::<u64>(), 4000, "{said:#?}");
        let mapped: u64 = said[1..]
            .iter()
            .zip(&sizes)
            .filter(|(line, _)| line.contains("rw-ad"))
            .map(|(_, kib)| kib)
            .sum();
        assert_eq!(mapped, 5 * 4, "{said:#?}");
        assert!(said[1].contains(&format!("{at:#018x} -> -")), "{said:#?}");
        assert!(said[1].contains(" 12KiB rw---   mmap"), "{said:#?}");
    }

    #[test]
    fn a_page_that_is_lent_is_shown_with_its_frame() {
        let mut bench = Bench::<Sv39>::new(Default::default(), 200);
        let mut space = bench.space(1);
        let wanted = MapRequest::zeros(3);
        let at = space.map::<Sv39>(Placement::ANYWHERE, &wanted).unwrap();
        bench.store(&mut space, at.raw(), 1).unwrap();
        let (frames, machine) = (&mut bench.frames, &mut bench.machine);
        let frame = space.give_page(at, true, frames, machine).unwrap();
        let said = lines(&bench.machine, &space);
        let line = format!("{:#018x} -> {:#018x}", at.raw(), frame.raw());
        assert!(said[1].starts_with(&line), "{said:#?}");
        assert!(said[1].contains(" 4KiB rw-ads  mmap"), "{said:#?}");
        assert!(said[2].contains(" 8KiB rw---   mmap"), "{said:#?}");
    }

    #[test]
    fn a_page_in_the_store_is_shown_with_its_slot() {
        let mut bench = Bench::<Sv39>::with_store(Default::default(), 200, 8);
        let mut space = bench.space(1);
        let wanted = MapRequest::zeros(4);
        let at = space.map::<Sv39>(Placement::ANYWHERE, &wanted).unwrap();
        for page in 0..3 {
            let va = at.raw() + page * PAGE_BYTES;
            bench.store(&mut space, va, 1).unwrap();
        }
        for page in 0..2 {
            let va = at.wrapping_add(page * PAGE_BYTES);
            bench.evict(&mut space, va).unwrap();
        }
        let said = lines(&bench.machine, &space);
        let line = format!("{:#018x} -> slot 0 ", at.raw());
        assert!(said[1].starts_with(&line), "{said:#?}");
        assert!(said[1].contains(" 8KiB rw---P  mmap"), "{said:#?}");
        assert!(said[2].contains(" 4KiB rw-ad   mmap"), "{said:#?}");
    }

    #[test]
    fn a_region_of_half_the_address_space_is_shown_at_once() {
        let mut bench = Bench::<Sv39>::new(Default::default(), 200);
        let mut space = bench.space(1);
        let pages = (64 << 30) / PAGE_BYTES;
        let at = space
            .map::<Sv39>(Placement::ANYWHERE, &MapRequest::zeros(pages))
            .unwrap()
            .raw();
        bench.store(&mut space, at + (40 << 30), 1).unwrap();
        let counted = Counted(&bench.machine, Cell::new(0));
        let said = lines(&counted, &space);
        assert_eq!(said.len(), 4, "{said:#?}");
        let reads = counted.1.get();
        assert!(reads < 10_000, "{reads} entries read for one page");
    }

    /// Counts the entries that are read; nothing else may be asked of it.
    struct Counted<'a>(&'a Sv39, Cell<usize>);

    impl Machine for Counted<'_> {
        const MODE: Mode = Mode::Sv39;

        fn dialect(&self) -> Dialect {
            Dialect::None
        }

        fn read_entry(&self, at: PhysAddr) -> u64 {
            self.1.set(self.1.get() + 1);
            self.0.read_entry(at)
        }

        fn write_entry(&mut self, _: PhysAddr, _: u64) {
            unreachable!("looking changes nothing")
        }

        fn zero_frame(&mut self, _: PhysAddr) {
            unreachable!("looking changes nothing")
        }

        fn copy_frame(&mut self, _: PhysAddr, _: PhysAddr) {
            unreachable!("looking changes nothing")
        }

        fn phys_to_virt(&self, _: PhysAddr) -> usize {
            unreachable!("nothing is entered")
        }

        fn read_bytes(&self, _: PhysAddr, _: &mut [u8]) {
            unreachable!("only tables are read")
        }

        fn write_bytes(&mut self, _: PhysAddr, _: &[u8]) {
            unreachable!("looking changes nothing")
        }

        fn fence_page(&mut self, _: VirtAddr) {
            unreachable!("looking changes nothing")
        }

        fn fence_all(&mut self) {
            unreachable!("looking changes nothing")
        }

        fn fence_code(&mut self) {
            unreachable!("looking changes nothing")
        }
    }

    #[test]
    fn an_index_that_was_never_answered_is_harmless() {
        let mut bench = Bench::<Sv39>::new(Default::default(), 20);
        let mut space = bench.space(1);
        space
            .map::<Sv39>(Placement::ANYWHERE, &MapRequest::zeros(10))
            .unwrap();
        for index in [2, 77, usize::MAX / 4096, usize::MAX / 2, usize::MAX] {
            line(&bench.machine, &space, index, &mut String::new()).unwrap();
        }
    }
}
