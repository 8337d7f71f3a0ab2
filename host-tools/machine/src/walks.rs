//! Random page tables, walked three times: here, by QEMU, and by `pagetable`; all say the same.
//!
//! A program in S-mode loads from each address of a list and jumps to it, with each setting of SUM and MXR,
//! and logs the value or the trap. Leaves have A and D, so that QEMU writes none. The log of QEMU and the log of
//! the model must be equal, and each trap must be the one that `pagetable` predicts.

use pagetable::{
    AccessType, Dialect, Memory, Mode, Outside, PhysAddr, Privilege, Root, VirtAddr, translate,
};

use crate::asm::{AsmProgram, SFENCE, SRET, addi, csrr, csrw, i, ld, sd};
use crate::hart::C906;
use crate::lockstep::{self, BASE, Lockstep, RAM, Random};
use crate::machine::StrictMachine;

const ENTRY: usize = 0x1000;
const HANDLER: usize = 0x1400;
const END: usize = 0x1600;
const LIST: usize = 0x10_0000;
const LOG: usize = 0x20_0000;
const ADDRESSES: usize = 400;
/// The root, then tables of the levels below it, as many of each.
const TABLES: usize = 0x40_0000;
const OF_EACH: usize = 6;
/// Frames whose first words are a `ret` and their number.
const FRAMES: usize = 0x80_0000;
const FRAME_COUNT: usize = 64;
/// Indexes that tables use: few, so that addresses meet entries.
const USED: usize = 8;
const STATUSES: [u64; 4] = [0, 1 << 18, 1 << 19, 3 << 18];
/// Bytes of the log for an access.
const LINE: usize = 24;

/// V, R, W, X, U, G, A, D.
const V: u64 = 1;
const AD: u64 = 0xc0;

fn at(table: usize) -> u64 {
    BASE + (TABLES + table * 4096) as u64
}

/// An entry of a table of that level.
fn entry(random: &mut Random, level: usize, goes_far: bool) -> u64 {
    let ppn = |pa: u64| pa >> 12 << 10;
    let flags = u64::from(random.below(16)) << 1 | V | AD;
    let frame = BASE + (FRAMES + random.below(FRAME_COUNT as u32) as usize * 4096) as u64;
    let span = 12 + 9 * level;
    match random.below(12) {
        0 => u64::from(random.below(2)) * (ppn(frame) | AD),
        // Reserved bits, each of them, and the ones of Svpbmt and Svnapot.
        1 => ppn(frame) | flags | 1 << (54 + random.below(10)),
        // A superpage that is not aligned; a page has no such thing.
        2 => ppn(frame) | flags | 1 << 10,
        // A pointer, at level 0 too.
        3..=6 => {
            let below = level.saturating_sub(1);
            let table = 1 + below * OF_EACH + random.below(OF_EACH as u32) as usize;
            let is_far = random.below(16) == 0 && goes_far;
            let far = if is_far { 1 << 33 } else { 0 };
            ppn(at(table) + far) | V
        }
        // A gigabyte with ourselves in it is not to be run: one behind RAM is refused by the bus.
        _ if level == 2 => ppn(BASE + (1 << 30)) | flags,
        _ => ppn(frame >> span << span) | flags,
    }
}

fn tables(random: &mut Random, bytes: &mut [u8], goes_far: bool) {
    let mut put = |table: usize, index: usize, entry: u64| {
        let place = TABLES + table * 4096 + index * 8;
        bytes[place..place + 8].copy_from_slice(&entry.to_le_bytes());
    };
    for table in 0..1 + 2 * OF_EACH {
        let level = match table {
            0 => 2,
            _ => (table - 1) / OF_EACH,
        };
        for index in 0..USED {
            put(table, index, entry(random, level, goes_far));
            put(table, 511 - index, entry(random, level, goes_far));
        }
    }
    // Ourselves, where we are: not for U-mode.
    put(0, 2, BASE >> 12 << 10 | 0xcf);
}

fn address(random: &mut Random) -> u64 {
    let mut index = |not: u32| loop {
        let index = random.below(USED as u32);
        if index != not {
            let upper = random.below(4) == 0;
            return u64::from(if upper { 511 - index } else { index });
        }
    };
    let (top, middle, low) = (index(2), index(8), index(8));
    // Zero is the end of the list.
    let va = (top << 30 | middle << 21 | low << 12).max(1 << 12);
    let extended = (va << 25) as i64 >> 25;
    match random.below(20) {
        0 => va | 1 << (39 + random.below(25)),
        _ => extended as u64,
    }
}

fn program(addresses: &[u64], random: &mut Random, goes_far: bool) -> AsmProgram {
    let mut p = AsmProgram::default();
    p.firmware();
    p.at(ENTRY);
    p.address(5, HANDLER);
    p.word(csrw(0x105, 5));
    p.address(3, LOG);
    p.constant(6, at(0) >> 12 | 8 << 60);
    p.words(&[csrw(0x180, 6), SFENCE]);
    for status in STATUSES {
        p.constant(6, status | 1 << 8);
        p.word(csrw(0x100, 6));
        p.address(2, LIST);
        let again = p.bytes.len();
        // x1 is where the handler goes on.
        p.words(&[
            ld(5, 2, 0),
            addi(6, 0, -1),
            1 << 7 | 0x17,
            addi(1, 1, 12),
            ld(6, 5, 0),
        ]);
        p.words(&[sd(6, 3, 0), addi(3, 3, 8)]);
        p.words(&[i(0x67, 0, 1, 5, 0), addi(2, 2, 8), ld(5, 2, 0)]);
        // The list ends with a zero: over the jump back.
        p.word(5 << 15 | 8 << 7 | 0x63);
        p.jump(again);
    }
    let end = p.bytes.len();
    assert!(end < HANDLER);
    p.jump(END);
    p.at(HANDLER);
    p.words(&[
        csrr(4, 0x142),
        sd(4, 3, 0),
        csrr(4, 0x143),
        sd(4, 3, 8),
        addi(3, 3, 16),
    ]);
    p.words(&[csrw(0x141, 1), SRET]);
    p.at(LIST);
    for address in addresses {
        p.bytes.extend(address.to_le_bytes());
    }
    p.at(TABLES);
    p.at(FRAMES);
    for frame in 0..FRAME_COUNT {
        p.bytes.extend(0x8067_u32.to_le_bytes());
        p.bytes.extend((frame as u32).to_le_bytes());
        p.at(FRAMES + (frame + 1) * 4096);
    }
    tables(random, &mut p.bytes, goes_far);
    p
}

/// The program's bytes, which are all there is.
struct Loaded<'a>(&'a [u8]);

impl Memory for Loaded<'_> {
    type Error = Outside;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Outside> {
        let place = at.raw().checked_sub(BASE).map(|place| place as usize);
        let word = place.and_then(|place| self.0.get(place..)?.first_chunk());
        let word = word.map(|word| u64::from_le_bytes(*word));
        word.ok_or(Outside { at, bytes })
    }
}

/// What the log must hold by `pagetable`.
fn predicted(bytes: &[u8], addresses: &[u64]) -> Vec<u64> {
    let mut log = Vec::new();
    let mut memory = Loaded(bytes);
    let root = Root {
        mode: Mode::Sv39,
        dialect: Dialect::None,
        table: PhysAddr::new(at(0)),
    };
    for status in STATUSES {
        let who = Privilege {
            sum: status & 1 << 18 != 0,
            mxr: status & 1 << 19 != 0,
            ..Privilege::SUPERVISOR
        };
        for &va in addresses {
            let walk = translate(&mut memory, root, VirtAddr::new(va));
            let at = walk.address().map_or(0, |pa| pa.raw() - BASE) as usize;
            let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
            let word = word.map_or(0, |word| u64::from_le_bytes(*word));
            // Access faults, where there is no RAM.
            let beyond = |cause| (at >= RAM).then_some(cause);
            let fault = |access| walk.fault(access, who, true).map(u64::from);
            match fault(AccessType::Read).or(beyond(5)) {
                Some(cause) => log.extend([cause, va, u64::MAX]),
                None => log.push(word),
            }
            match fault(AccessType::Execute).or(beyond(1)) {
                Some(cause) => log.extend([cause, va]),
                // Zeros are no instruction.
                None if word == 0 => log.extend([2, 0]),
                None => {}
            }
        }
    }
    log
}

#[test]
fn random_tables_are_walked_as_qemu_and_pagetable_walk_them() {
    for seed in 1..=8 {
        let mut random = Random(seed << 20 | 0x5eed);
        let addresses: Vec<u64> = (0..ADDRESSES).map(|_| address(&mut random)).collect();
        // A table out of RAM is an access fault by the manual, and a page fault on QEMU.
        let goes_far = seed % 2 == 0;
        let program = program(&addresses, &mut random, goes_far);
        let expected = predicted(&program.bytes, &addresses);
        let mut machine: StrictMachine = lockstep::loaded(&program.bytes, END);
        machine.hart = C906::new(BASE + ENTRY as u64, 0, 0);
        machine.run((ADDRESSES * STATUSES.len() * 40) as u64);
        assert_eq!(machine.hart.pc, BASE + END as u64, "it comes to its end");
        let log = |ram: &[u8]| -> Vec<u64> {
            let words = ram[LOG..LOG + ADDRESSES * STATUSES.len() * LINE * 2].chunks_exact(8);
            let words = words.map(|word| u64::from_le_bytes(word.try_into().expect("a word")));
            words.take(expected.len()).collect()
        };
        let here = log(machine.ram.bytes(0, RAM).expect("in RAM"));
        let qemu = match goes_far {
            true => expected.clone(),
            false => log(&lockstep::on_qemu(&program.bytes, END)),
        };
        let first = |a: &[u64]| a.iter().zip(&expected).position(|(a, b)| a != b);
        let by_us = first(&here);
        let by_qemu = first(&qemu);
        let near = |at: Option<usize>| at.map(|at| at.saturating_sub(2)..at + 3);
        assert!(
            by_us.is_none() && by_qemu.is_none(),
            "seed {seed}: here {by_us:?}, QEMU {by_qemu:?}\nexpected {:x?}\nhere {:x?}\nQEMU {:x?}",
            near(by_us.or(by_qemu)).map(|it| expected[it].to_vec()),
            near(by_us.or(by_qemu)).map(|it| here[it].to_vec()),
            near(by_us.or(by_qemu)).map(|it| qemu[it].to_vec()),
        );
    }
}
