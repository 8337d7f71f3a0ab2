//! One page mapped by three tables in an array, and its walk.
//!
//! `cargo run --example walk`

use pagetable::{
    AccessType, Dialect, Memory, Mode, Outside, PhysAddr, Privilege, Root, VirtAddr, translate,
};

/// Where the array begins on the machine.
const BASE: u64 = 0x8000_0000;

/// Three tables of 512 entries.
struct Ram([u64; 3 * 512]);

impl Memory for Ram {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let index = at.raw().checked_sub(BASE).map(|offset| offset as usize / 8);
        let word = index.and_then(|index| self.0.get(index).copied());
        word.ok_or(Outside { at, bytes })
    }
}

fn main() {
    let mut ram = Ram([0; 3 * 512]);
    // The root and the middle table lead on (V); the last maps one page, r-xu-a- at 0x8040_0000.
    ram.0[0] = (BASE + 0x1000) >> 12 << 10 | 0b1;
    ram.0[512] = (BASE + 0x2000) >> 12 << 10 | 0b1;
    ram.0[2 * 512 + 16] = 0x8040_0000 >> 12 << 10 | 0b0101_1011;

    let root = Root {
        mode: Mode::Sv39,
        table: PhysAddr::new(BASE),
        dialect: Dialect::None,
    };
    let walk = translate(&mut ram, root, VirtAddr::new(0x1_0abc));
    for step in walk.steps() {
        println!(
            "level {}: entry {} at {:#x}",
            step.level, step.index, step.at
        );
    }
    println!(
        "physical address: {:#x?}",
        walk.address().map(PhysAddr::raw)
    );
    let fault = walk.fault(AccessType::Write, Privilege::USER, false);
    println!("a store from user mode: scause {fault:?}");
}
