//! What a guest can reach: its own mappings, and what the second stage makes of each.
//!
//! ```text
//! first stage     va  [------------- 2 MiB -------------)
//! second stage    gpa [---- 4 KiB ----)   none   [-----)
//! ranges              [va, gpa, pa   )[va, gpa, –)[    )
//! ```

use pagetable::{
    GUEST_ROOT_PAGES, GuestMemory, GuestRoot, Mapping, Memory, Mode, PAGE_BYTES, PhysAddr, Problem,
    Pte, Root, ScanBudget, Seen, VirtAddr, visit_within,
};

/// Most ranges that are kept, after neighbours were joined.
const MOST_RANGES: usize = 1 << 18;

/// A run of addresses with one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestRange {
    /// First virtual address of the guest; its physical one where `vsatp` is bare.
    pub va: VirtAddr,
    /// First guest physical address.
    pub gpa: u64,
    /// First physical address; `None` where the second stage has none.
    pub pa: Option<PhysAddr>,
    /// Length in bytes.
    pub bytes: u64,
    /// Flags of the guest's own entry; `None` where `vsatp` is bare.
    pub first: Option<Pte>,
    /// Flags of the second stage's entry; `None` where it has none.
    pub second: Option<Pte>,
}

/// Flags that are shown and compared.
const FLAGS: u64 = 0xff;

impl GuestRange {
    /// Which of R, W and X both stages permit to the guest.
    pub fn permits(&self) -> Pte {
        let rights = Pte::READ | Pte::WRITE | Pte::EXEC;
        let first = self.first.map_or(rights, |pte| pte.raw() & rights);
        let second = self.second.filter(|pte| pte.has(Pte::USER));
        Pte::new(first & second.map_or(0, |pte| pte.raw() & rights))
    }

    /// Whether `next` begins where this ends, in all addresses, with equal flags.
    fn is_before(&self, next: &GuestRange) -> bool {
        let flags = |pte: Option<Pte>| pte.map(|pte| pte.raw() & FLAGS);
        let pa = self.pa.map(|pa| pa.wrapping_add(self.bytes));
        self.va.wrapping_add(self.bytes) == next.va
            && self.gpa.wrapping_add(self.bytes) == next.gpa
            && pa == next.pa
            && flags(self.first) == flags(next.first)
            && flags(self.second) == flags(next.second)
    }
}

/// A problem of one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestProblem {
    /// Whether it is of the second stage; its address is then a guest physical one.
    pub is_second: bool,
    /// The rejected entry.
    pub problem: Problem,
}

/// Both stages of one guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestMap {
    /// By virtual address.
    pub ranges: Vec<GuestRange>,
    /// Entries that the MMU rejects.
    pub problems: Vec<GuestProblem>,
    /// Whether there were more ranges than are kept.
    pub is_cut: bool,
}

impl GuestMap {
    /// Reads the tables of both stages; `first` may be Bare.
    pub fn read<M: Memory + ?Sized>(
        memory: &mut M,
        first: Root,
        second: GuestRoot,
        budget: ScanBudget,
    ) -> GuestMap {
        let mut map = GuestMap::default();
        let below = map.second_stage(memory, second, budget);
        if first.mode == Mode::Bare {
            for range in below {
                map.push(range);
            }
            return map;
        }
        let mut guest = GuestMemory::new(memory, second);
        visit_within(&mut guest, first, budget, |seen| match seen {
            Seen::Mapping(mapping) => map.split(&mapping, second.mode, &below),
            Seen::Problem(problem) => map.problems.push(GuestProblem {
                is_second: false,
                problem,
            }),
            Seen::Table(_) => {}
        });
        map
    }

    /// The second stage's mappings: its root is that of four ordinary trees, one behind the other.
    fn second_stage<M: Memory + ?Sized>(
        &mut self,
        memory: &mut M,
        second: GuestRoot,
        budget: ScanBudget,
    ) -> Vec<GuestRange> {
        let mut all: Vec<GuestRange> = Vec::new();
        if second.mode == Mode::Bare {
            return all;
        }
        let bits = second.mode.va_bits();
        for part in 0..GUEST_ROOT_PAGES {
            let root = Root {
                mode: second.mode,
                table: second.table.wrapping_add(part * PAGE_BYTES),
                dialect: second.dialect,
            };
            visit_within(memory, root, budget, |seen| match seen {
                Seen::Mapping(it) => {
                    let gpa = it.va.raw() & ((1 << bits) - 1) | part << bits;
                    all.push(GuestRange {
                        va: VirtAddr::new(gpa),
                        gpa,
                        pa: Some(it.at),
                        bytes: it.bytes,
                        first: None,
                        second: Some(it.leaf.pte),
                    });
                }
                Seen::Problem(problem) => self.problems.push(GuestProblem {
                    is_second: true,
                    problem: Problem {
                        va: VirtAddr::new(problem.va.raw() & ((1 << bits) - 1) | part << bits),
                        ..problem
                    },
                }),
                Seen::Table(_) => {}
            });
        }
        all
    }

    /// Splits a mapping of the guest where the second stage changes.
    fn split(&mut self, mapping: &Mapping, second: Mode, below: &[GuestRange]) {
        let first = Some(mapping.leaf.pte);
        let (va, gpa, bytes) = (mapping.va, mapping.at.raw(), mapping.bytes);
        if second == Mode::Bare {
            return self.push(GuestRange {
                va,
                gpa,
                pa: Some(mapping.at),
                bytes,
                first,
                second: None,
            });
        }
        let mut done = 0;
        let mut place = below.partition_point(|it| it.gpa + (it.bytes - 1) < gpa);
        while done < bytes && !self.is_cut {
            let at = gpa + done;
            let here = below.get(place).filter(|it| it.gpa <= at);
            let end = match (here, below.get(place)) {
                (Some(it), _) => it.gpa + it.bytes - at,
                (None, Some(next)) => next.gpa - at,
                (None, None) => bytes - done,
            };
            let bytes = end.min(bytes - done);
            self.push(GuestRange {
                va: va.wrapping_add(done),
                gpa: at,
                pa: here.and_then(|it| Some(it.pa?.wrapping_add(at - it.gpa))),
                bytes,
                first,
                second: here.and_then(|it| it.second),
            });
            place += usize::from(here.is_some());
            done += bytes;
        }
    }

    fn push(&mut self, range: GuestRange) {
        let count = self.ranges.len();
        match self.ranges.last_mut() {
            Some(last) if last.is_before(&range) => last.bytes += range.bytes,
            _ if count == MOST_RANGES => self.is_cut = true,
            _ => self.ranges.push(range),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use pagetable::{Dialect, Outside};

    use super::*;

    struct Words(HashMap<u64, u64>);

    impl Memory for Words {
        type Error = Outside;
        fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
            match at.raw() < 0x10_0000 {
                true => Ok(self.0.get(&at.raw()).copied().unwrap_or_default()),
                false => Err(Outside { at, bytes }),
            }
        }
    }

    const ALL: u64 = 0xdf;

    fn leaf(at: u64, flags: u64) -> u64 {
        at >> 2 | flags
    }

    /// The second stage at 0x4000 maps guest 0 to 2 MiB onto itself, and page 0x20_0000 elsewhere; the
    /// guest's root is at 0x1000.
    fn guest() -> Words {
        Words(HashMap::from([
            (0x4000, leaf(0x8000, 1)),
            (0x8000, leaf(0, ALL)),
            (0x8008, leaf(0x9000, 1)),
            (0x9000, leaf(0x5000_0000, ALL & !4)),
            // The guest: 4 KiB at 0, and 2 MiB of which the second stage has a page.
            (0x1000, leaf(0x2000, 1)),
            (0x2000, leaf(0x3000, 1)),
            (0x2008, leaf(0x20_0000, 0xcf)),
            (0x3000, leaf(0x7000, 0xcb)),
        ]))
    }

    fn roots() -> (Root, GuestRoot) {
        let (mode, dialect) = (Mode::Sv39, Dialect::None);
        let first = Root {
            mode,
            table: PhysAddr::new(0x1000),
            dialect,
        };
        let second = GuestRoot {
            mode,
            table: PhysAddr::new(0x4000),
            dialect,
        };
        (first, second)
    }

    #[test]
    fn a_mapping_is_split_where_the_second_stage_changes() {
        let (first, second) = roots();
        let map = GuestMap::read(&mut guest(), first, second, ScanBudget::default());
        let seen: Vec<_> = map
            .ranges
            .iter()
            .map(|it| {
                let pa = it.pa.map(PhysAddr::raw);
                (it.va.raw(), it.gpa, pa, it.bytes, it.permits().raw())
            })
            .collect();
        assert_eq!(
            seen,
            [
                (0, 0x7000, Some(0x7000), 0x1000, 10),
                (0x20_0000, 0x20_0000, Some(0x5000_0000), 0x1000, 10),
                (0x20_1000, 0x20_1000, None, 0x1f_f000, 0),
            ]
        );
        assert!(map.problems.is_empty(), "{:?}", map.problems);
    }

    #[test]
    fn without_tables_of_the_guest_the_second_stage_is_shown() {
        let (first, second) = roots();
        let first = Root {
            mode: Mode::Bare,
            ..first
        };
        let map = GuestMap::read(&mut guest(), first, second, ScanBudget::default());
        let seen: Vec<_> = map.ranges.iter().map(|it| (it.gpa, it.bytes)).collect();
        assert_eq!(seen, [(0, 0x20_0000), (0x20_0000, 0x1000)]);
    }

    #[test]
    fn the_upper_quarters_of_the_root_are_read_too() {
        let (first, second) = roots();
        let first = Root {
            mode: Mode::Bare,
            ..first
        };
        let mut words = Words(HashMap::from([(0x7000, leaf(0, ALL))]));
        let map = GuestMap::read(&mut words, first, second, ScanBudget::default());
        assert_eq!(map.ranges[0].gpa, 3 << 39);
    }
}
