//! Whatever a card and an Image hold: words, no panic, and an end.

use std::fs::{self, File};

use proptest::prelude::*;

use crate::hart::C906;
use crate::machine::{MachineOptions, StrictMachine};
use crate::uboot;

/// Where U-Boot puts an Image.
const ENTRY: usize = 0x20_0000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Random bytes as a program, with a root of tables that is random too.
    #[test]
    fn any_image_runs_to_its_limit(seed: u64, words in proptest::collection::vec(any::<u32>(), 1..2000)) {
        let mut board = boards::by_name("ox64").expect("the board");
        // Less to fill with noise.
        board.ram.size = 0x40_0000;
        let options = MachineOptions { maee: seed & 1 == 1, seed, ..MachineOptions::default() };
        let mut machine = StrictMachine::new(&board, options);
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        machine.ram.load(ENTRY, &bytes).expect("it fits");
        for (satp, status) in [(0, 0), (8 << 60 | 0x50000, 3 << 13), (8 << 60 | seed >> 20, 1 << 18)] {
            machine.hart = C906::new(board.ram.base + ENTRY as u64, 0, 0);
            (machine.hart.satp, machine.hart.sstatus) = (satp, machine.hart.sstatus | status);
            machine.hart.x[1..32].fill(board.ram.base + (seed & 0x3f_ffff));
            machine.run(5_000);
        }
        prop_assert!(machine.attempts() <= 15_000);
    }

    /// A sector of a card, or the tree, or the menu: random.
    #[test]
    fn any_card_is_judged_in_words(bytes in proptest::collection::vec(any::<u8>(), 0..4096), is_table: bool) {
        let mut bytes = bytes;
        bytes.resize(1 << 16, 0);
        if is_table {
            // One that is taken for a table: four entries of noise, status bytes that can be.
            bytes[510..512].copy_from_slice(&[0x55, 0xaa]);
            (446..510).step_by(16).for_each(|at| bytes[at] &= 0x80);
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("card");
        fs::write(&path, &bytes).expect("a file");
        let mut board = boards::by_name("ox64").expect("the board");
        board.ram.size = 0x200_0000;
        let mut machine = StrictMachine::new(&board, MachineOptions::default());
        let card = File::open(&path).expect("the card");
        let error = uboot::boot(&mut machine, &board, &card, &path, None).expect_err("it is noise");
        prop_assert!(!error.why.is_empty());
    }
}
