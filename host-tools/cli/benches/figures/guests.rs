//! A guest's addresses through both stages.

use std::hint::black_box;
use std::time::Instant;

use pagetable::{
    Dialect, GuestRoot, Memory, Mode, PhysAddr, Pte, Root, VirtAddr, translate, translate_two_stage,
};

use crate::guest::recorded;
use crate::row::{Better, FigureRow};

/// Tables from address 0 on, and the number of entries that were read.
struct Tables {
    words: Vec<u64>,
    reads: u64,
}

impl Memory for Tables {
    type Error = ();

    fn read_word(&mut self, at: PhysAddr, _: usize) -> Result<u64, ()> {
        self.reads += 1;
        self.words.get(at.raw() as usize / 8).copied().ok_or(())
    }
}

const SECOND: u64 = 0x4000;
const FIRST: u64 = 0x1000;

/// Sv39 on Sv39x4, both with pages of 4 KiB: the first 2 MiB onto themselves.
fn tables() -> Tables {
    let mut words = vec![0; 0x1_0000 / 8];
    let mut put = |table: u64, index: u64, value: Pte| {
        words[(table / 8 + index) as usize] = value.raw();
    };
    let pointer = |to: u64| Pte::pointer(Mode::Sv39, PhysAddr::new(to));
    let flags = Pte::READ | Pte::WRITE | Pte::ACCESSED | Pte::DIRTY;
    for (root, middle, last, user) in [
        (FIRST, 0x2000, 0x3000, 0),
        (SECOND, 0x8000, 0x9000, Pte::USER),
    ] {
        put(root, 0, pointer(middle));
        put(middle, 0, pointer(last));
        for page in 0..512 {
            let at = PhysAddr::from_frame(page);
            put(last, page, Pte::leaf(Mode::Sv39, at, flags | user));
        }
    }
    Tables { words, reads: 0 }
}

/// Walks through both stages in a second, beside walks of the first alone; and the entries that one reads.
pub fn two_stage() -> Vec<FigureRow> {
    const WALKS: u64 = 200_000;
    let mut memory = tables();
    let (mode, dialect) = (Mode::Sv39, Dialect::None);
    let first = Root {
        mode,
        table: PhysAddr::new(FIRST),
        dialect,
    };
    let second = GuestRoot {
        mode,
        table: PhysAddr::new(SECOND),
        dialect,
    };
    // As the commands have them: for a mode that the compiler knows it folds one stage to a third.
    let (first, second) = black_box((first, second));
    let va = |n: u64| VirtAddr::new((n * 4096 % (2 << 20)) | 8);
    let (mut both, mut one) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..7 {
        let start = Instant::now();
        for n in 0..WALKS {
            let walk = translate_two_stage(&mut memory, first, second, va(n));
            assert_eq!(black_box(walk).address(), Some(PhysAddr::new(va(n).raw())));
        }
        both = both.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        for n in 0..WALKS {
            let walk = translate(&mut memory, first, va(n));
            assert_eq!(black_box(walk).address(), Some(PhysAddr::new(va(n).raw())));
        }
        one = one.min(start.elapsed().as_secs_f64());
    }
    memory.reads = 0;
    translate_two_stage(&mut memory, first, second, va(1));
    let rate = |seconds: f64| WALKS as f64 / seconds / 1e6;
    vec![
        FigureRow {
            name: "walk.two_stage",
            value: rate(both),
            unit: "M/s",
            better: Better::Higher,
            limit: None,
            // 15 entries instead of 3, each with its bounds.
            aim: Some(rate(one) / 10.0),
            peer: recorded("one stage of the same tables", rate(one)),
        },
        FigureRow::count("walk.two_stage.reads", memory.reads as f64, "entries", 15.0),
    ]
}
