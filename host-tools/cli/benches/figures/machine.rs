//! How many instructions a second the Ox64 in software executes, beside QEMU's TCG with the same bytes.

use std::fs;
use std::path::Path;

use ::machine::{MachineOptions, StrictMachine};

use crate::clock::{has, race, run};
use crate::row::{Better, FigureRow, PeerFigure};
use crate::scratch;

/// Rounds of the loop, and instructions of a round.
const ROUNDS: u32 = 0x131_2000;
const ROUND: u64 = 8;

fn immediate(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: u32) -> u32 {
    (imm & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

/// A load, a store and arithmetic in a loop, and then QEMU's power switch, which an Ox64 has not got.
fn program() -> Vec<u8> {
    let round = [
        immediate(0x03, 3, 6, 2, 0),
        5 << 20 | 6 << 15 | 6 << 7 | 0x33,
        6 << 20 | 2 << 15 | 3 << 12 | 0x23,
        immediate(0x13, 4, 7, 6, 0x55),
        immediate(0x13, 1, 8, 7, 3),
        immediate(0x13, 5, 9, 8, 5),
        immediate(0x13, 0, 5, 5, 0xfff),
        // bnez x5, 28 bytes back
        0x7f << 25 | 5 << 15 | 1 << 12 | 0x05 << 7 | 0x63,
    ];
    let begin = [
        // x2: a page behind the code; x5: rounds
        0x1 << 12 | 2 << 7 | 0x17,
        ROUNDS | 5 << 7 | 0x37,
    ];
    let end = [
        0x100 << 12 | 5 << 7 | 0x37,
        5 << 12 | 6 << 7 | 0x37,
        immediate(0x13, 0, 6, 6, 0x555),
        6 << 20 | 5 << 15 | 2 << 12 | 0x23,
        0x6f,
    ];
    let words = begin.iter().chain(&round).chain(&end);
    words.flat_map(|word: &u32| word.to_le_bytes()).collect()
}

/// At least 50 million a second.
pub fn mips() -> Vec<FigureRow> {
    let program = program();
    let scratch = scratch();
    fs::write(scratch.path().join("program"), &program).expect("a file");
    let millions = f64::from(ROUNDS) * ROUND as f64 / 1e6;
    let ours = || here(&program);
    let (ours, peer) = if has("qemu-system-riscv64") {
        let (ours, peer) = race(5, ours, || qemu(scratch.path()));
        let peer = PeerFigure {
            name: "QEMU, its start included".to_owned(),
            value: millions / peer.wall,
        };
        (ours, Some(peer))
    } else {
        (race(5, ours, || ()).0, None)
    };
    vec![FigureRow {
        name: "machine.mips",
        value: millions / ours.wall,
        unit: "million/s",
        better: Better::Higher,
        limit: None,
        aim: Some(50.0),
        peer,
    }]
}

fn here(program: &[u8]) {
    let board = boards::by_name("ox64").expect("the board");
    let mut machine = StrictMachine::new(&board, MachineOptions::default());
    machine.ram.load(0, program).expect("it fits");
    machine.run(u64::from(ROUNDS) * ROUND);
    assert_eq!(machine.findings.iter().count(), 0, "nothing is refused");
}

fn qemu(folder: &Path) {
    let words = [
        "-M", "virt", "-display", "none", "-serial", "none", "-monitor", "none",
    ];
    let words = [&words[..], &["-bios", "program"]].concat();
    run(folder, "qemu-system-riscv64", &words);
}
