//! Roots of memory that is laid out here, and of noise.
//!
//! A machine has a kernel's root and users' roots in the midst of random words.

use super::*;

/// Memory of 4 KiB pages from 0x8000_0000.
struct FixedPages(Vec<[u8; 4096]>);

const BASE: u64 = 0x8000_0000;

impl Memory for FixedPages {
    type Error = ();

    fn read_word(&mut self, _: PhysAddr, _: usize) -> Result<u64, ()> {
        Err(())
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        let place = at.raw().checked_sub(BASE)? / 4096;
        self.0.get(place as usize)
    }
}

impl FixedPages {
    fn put(&mut self, mode: Mode, page: usize, index: usize, raw: u64) {
        let bytes = mode.entry_bytes();
        self.0[page][index * bytes..][..bytes].copy_from_slice(&raw.to_le_bytes()[..bytes]);
    }

    fn search(&mut self, mode: Mode, active: &[Satp]) -> RootList {
        let last = BASE + self.0.len() as u64 * 4096 - 1;
        let mut scan = RootScan::new(mode.xlen(), PhysAddr::new(BASE), PhysAddr::new(last));
        for (place, page) in (0..).zip(&self.0) {
            scan.page(PhysAddr::new(BASE + place * 4096), page);
        }
        scan.finish(self, active)
    }
}

fn random(seed: &mut u64) -> u64 {
    // xorshift64*: all that is needed is words without a pattern.
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    seed.wrapping_mul(0x2545_f491_4f6c_dd1d)
}

fn noise(pages: usize, mut seed: u64) -> FixedPages {
    let mut all = vec![[0; 4096]; pages];
    for chunk in all.iter_mut().flat_map(|page| page.as_chunks_mut::<8>().0) {
        *chunk = random(&mut seed).to_le_bytes();
    }
    FixedPages(all)
}

fn satp(mode: Mode, page: u64) -> Satp {
    Satp {
        mode,
        asid: 0,
        root: PhysAddr::new(BASE + page * 4096),
    }
}

/// A kernel's root at page 10, users' at 100, 200 and so on: each with a table for every level and one page of
/// its own, and all of them with the kernel's entry.
fn machine(mode: Mode, users: usize) -> FixedPages {
    let mut memory = noise(1024, 7);
    let pointer = |page: usize| (BASE / 4096 + page as u64) << 10 | 1;
    let leaf = |page: usize| (BASE / 4096 + page as u64) << 10 | 0xd7;
    let top = mode.entries() - 1;
    let levels = usize::from(mode.levels());
    let mut tree = |root: usize, index: usize, flags: u64| {
        for level in 0..levels {
            let at = root + level;
            if level > 0 || index == top {
                memory.0[at] = [0; 4096];
            }
            let index = if level == 0 { index } else { 3 };
            match level + 1 == levels {
                true => memory.put(mode, at, index, leaf(500 + root % 100) & !0xff | flags),
                false => memory.put(mode, at, index, pointer(at + 1)),
            }
        }
    };
    tree(10, top, 0xef);
    for user in 1..=users {
        tree(user * 100, top, 0xef);
        tree(user * 100, 1, 0xdf);
    }
    // The kernel's tables are the same for all of them.
    for user in 1..=users {
        memory.put(mode, user * 100, top, pointer(11));
        memory.put(mode, user * 100, 1, pointer(user * 100 + 1));
    }
    memory
}

#[test]
fn each_root_is_found_and_nothing_else_in_every_mode() {
    for mode in Mode::ALL {
        let found = machine(mode, 4).search(mode, &[]);
        let frames: Vec<u64> = found
            .roots
            .iter()
            .map(|root| (root.satp.root.raw() - BASE) / 4096)
            .collect();
        assert_eq!(frames, [10, 100, 200, 300, 400], "{}", mode.name());
        assert!(found.roots.iter().all(|root| root.satp.mode == mode));
        assert!(found.roots[0].is_kernel && found.roots[0].own.0 == 0);
        for user in &found.roots[1..] {
            assert!(user.is_kin && user.stale.is_none() && !user.is_kernel);
            assert_eq!((user.own.0, user.own.1), (4096, u64::from(mode.levels())));
            assert_eq!(user.shared.0, 4096);
        }
    }
}

#[test]
fn an_active_root_names_the_mode_and_its_kin() {
    let mode = Mode::Sv39;
    let active = satp(mode, 200);
    let found = machine(mode, 3).search(mode, &[active]);
    assert_eq!(found.roots.len(), 4);
    let known: Vec<&FoundRoot> = found.roots.iter().filter(|it| it.is_active).collect();
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].satp, active);
}

#[test]
fn a_root_whose_tables_or_mappings_are_gone_is_stale() {
    let mode = Mode::Sv39;
    let mut memory = machine(mode, 4);
    // The table below 300 is used for something else now, and 400 has nothing of its own any more.
    memory.0[301] = [0x5a; 4096];
    memory.put(mode, 400, 1, 0);
    let found = memory.search(mode, &[satp(mode, 200)]);
    let stale: Vec<Option<Stale>> = found.roots.iter().map(|root| root.stale).collect();
    assert_eq!(
        stale,
        [None, None, None, Some(Stale::Broken(1)), Some(Stale::Bare)]
    );
}

#[test]
fn random_memory_has_no_roots() {
    for xlen in [Xlen::Rv32, Xlen::Rv64] {
        let mut memory = noise(1 << 13, 0x1234_5678_9abc_def1);
        let last = PhysAddr::new(BASE + (1 << 25) - 1);
        let mut scan = RootScan::new(xlen, PhysAddr::new(BASE), last);
        for (place, page) in (0..).zip(&memory.0) {
            scan.page(PhysAddr::new(BASE + place * 4096), page);
        }
        assert_eq!((scan.bytes, scan.candidates()), (1 << 25, 0));
        assert_eq!(scan.finish(&mut memory, &[]).roots, []);
    }
}

/// Harder than noise: pages that are zero but for a few words with the form of an entry, of which each points
/// or maps anywhere in memory.
#[test]
fn of_sparse_pages_of_entries_at_random_few_are_taken_for_roots() {
    let mut seed = 99;
    let pages = 1 << 13;
    let mut memory = FixedPages(vec![[0; 4096]; pages]);
    for page in 0..pages {
        for _ in 0..4 {
            let entry = BASE / 4096 + random(&mut seed) % pages as u64;
            let flags = if random(&mut seed) & 1 == 0 { 1 } else { 0xd7 };
            let index = (random(&mut seed) % 512) as usize;
            memory.put(Mode::Sv39, page, index, entry << 10 | flags);
        }
    }
    let found = memory.search(Mode::Sv39, &[]);
    // A leaf above the last level that is not aligned gives nearly all of them away.
    assert!(found.roots.len() <= pages / 1000, "{}", found.roots.len());
}
