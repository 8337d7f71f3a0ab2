//! The kernel's own walker against `pagetable::translate`.
//!
//! There are two on purpose. `mm::table::walk` runs in every fault: it reads entries of one mode through
//! the physmap, trusts them, and keeps nothing but where it ended. `translate` reads any memory in any
//! mode, checks every bit and keeps each step. On tables that the kernel makes both must say the same.

use pagetable::{
    Dialect, Memory, PAGE_BYTES, PhysAddr, Pte, Root, VirtAddr, WalkOutcome, translate,
};
use proptest::prelude::*;
use sim::Quirks;

use super::machine::{Bench, Sv32, Sv39, TestMachine};
use crate::mm::table;

/// Tables as `translate` reads them.
struct Tables<'a, M>(&'a M);

impl<M: TestMachine> Memory for Tables<'_, M> {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, ()> {
        assert_eq!(bytes, M::MODE.entry_bytes());
        Ok(self.0.read_entry(at))
    }
}

/// Leaves at addresses that share tables, each at a level, for a frame; then both walk to each, and beside each.
fn both_walk_alike<M: TestMachine>(
    leaves: &[(u64, u8, u64)],
    probes: &[u64],
) -> Result<(), TestCaseError> {
    let mut bench = Bench::<M>::new(Quirks::default(), 256);
    let space = bench.space(1);
    let near = |n: u64| VirtAddr::new((n % 7) * M::MODE.leaf_bytes(1) + n / 7 % 9 * PAGE_BYTES);
    let mut asked = Vec::new();
    for &(n, level, frame) in leaves {
        let level = level % M::MODE.levels();
        let bytes = M::MODE.leaf_bytes(level);
        let va = near(n).align_down(bytes);
        asked.push(va.raw());
        if Pte::new(table::walk(&bench.machine, space.root(), va).entry).is_valid() {
            continue;
        }
        let mut tables = space.tables(&mut bench.frames);
        let at =
            table::make_slot(&mut bench.machine, &mut tables, space.root(), va, level).unwrap();
        let target = PhysAddr::new(frame * PAGE_BYTES).align_down(bytes);
        let flags = Pte::VALID | Pte::USER | Pte::READ | Pte::ACCESSED;
        bench
            .machine
            .write_entry(at, Pte::leaf(M::MODE, target, flags).raw());
    }
    let root = Root {
        mode: M::MODE,
        table: space.root(),
        dialect: Dialect::None,
    };
    for va in asked
        .iter()
        .map(|va| va + 5)
        .chain(probes.iter().map(|&n| near(n).raw() + n % PAGE_BYTES))
    {
        let va = VirtAddr::new(va);
        let end = table::walk(&bench.machine, space.root(), va);
        let walk = translate(&mut Tables(&bench.machine), root, va);
        let last = walk.steps().last().unwrap();
        prop_assert_eq!(
            (last.level, last.at, last.entry),
            (end.level, end.at, Some(Pte::new(end.entry)))
        );
        let page = table::page_of::<M>(end.entry, end.level);
        let mine = page.map(|page| page.wrapping_add(va.offset(M::MODE.leaf_bytes(end.level))));
        match walk.outcome {
            WalkOutcome::Mapped { at, .. } => prop_assert_eq!(mine, Some(at)),
            _ => prop_assert_eq!(mine, None),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_kernels_walker_and_the_librarys_end_at_the_same_entry(
        leaves in prop::collection::vec((0..63_u64, 0..3_u8, 0..1_u64 << 20), 1..24),
        probes in prop::collection::vec(0..4096_u64, 8),
    ) {
        both_walk_alike::<Sv39>(&leaves, &probes)?;
        both_walk_alike::<Sv32>(&leaves, &probes)?;
    }
}
