//! Random instructions on QEMU and here: a judge of the interpreter that is not ours.
//!
//! Both run the same bytes from the same memory. Each block ends by writing every register and `fcsr` to a
//! log, each trap writes its cause, value, address and `sstatus` there; QEMU's RAM is a file, and the logs
//! must be equal. `INSTRUCTIONS=10000000` is the long run.

use std::fs;
use std::process::Command;

use crate::asm::{AsmProgram, NOP, csrr, csrw, i, over_next, r, s};
use crate::compressed;
use crate::hart::C906;
use crate::insn::Operation;
use crate::machine::{MachineOptions, StrictMachine};

pub const BASE: u64 = 0x8000_0000;
pub const RAM: usize = 64 << 20;
/// Where S-mode begins, behind what M-mode does first on QEMU.
const ENTRY: usize = 0x1000;
const HANDLER: usize = 0x1400;
const BLOCKS: usize = 0x1600;
/// What loads and stores reach, in the middle of `SCRATCH_BYTES`.
const SCRATCH: usize = 16 << 20;
const SCRATCH_BYTES: usize = 0x2000;
const LOG: usize = 32 << 20;
/// Instructions of a block, and blocks of a run.
const LENGTH: usize = 100;
const RUN: usize = 1000;

/// Registers that the random part leaves alone: 1 and 4 are the handler's, 2 the scratch, 3 the log.
const FIRST: u32 = 5;

pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u32 {
        // Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    pub fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }

    fn rd(&mut self) -> u32 {
        match self.below(29) {
            0 => 0,
            some => FIRST + some % 27,
        }
    }

    fn rs(&mut self) -> u32 {
        self.rd()
    }

    fn f(&mut self) -> u32 {
        self.below(32)
    }

    fn rounding(&mut self) -> u32 {
        self.pick(&[0, 1, 2, 3, 4, 7, 7, 7])
    }

    /// An offset into the scratch, sometimes misaligned.
    fn offset(&mut self) -> u32 {
        let aligned = self.below(256) * 8;
        let off = if self.below(8) == 0 { self.below(8) } else { 0 };
        (aligned + off).wrapping_sub(1024) & 0xfff
    }
}

pub trait Lockstep {
    fn firmware(&mut self);
    fn entry(&mut self);
    fn handler(&mut self);
    fn block(&mut self, random: &mut Random);
    fn one(&mut self, random: &mut Random);
    fn compressed(&mut self, random: &mut Random);
}

impl Lockstep for AsmProgram {
    /// QEMU begins in M-mode: hand down every trap, open all memory, go on in S-mode.
    fn firmware(&mut self) {
        self.words(&[
            i(0x13, 0, 5, 0, 0xfff),
            csrw(0x3b0, 5),
            csrw(0x302, 5),
            csrw(0x306, 5),
            i(0x13, 0, 5, 0, 0x1f),
            csrw(0x3a0, 5),
            i(0x13, 0, 5, 0, 0x400),
            i(0x13, 1, 5, 5, 1),
            csrw(0x300, 5),
        ]);
        self.address(5, ENTRY);
        self.words(&[csrw(0x341, 5), 0x3020_0073]);
    }

    fn entry(&mut self) {
        self.at(ENTRY);
        // Floats are on.
        self.words(&[6 << 12 | 5 << 7 | 0x37, i(0x73, 2, 0, 5, 0x100)]);
        self.address(5, HANDLER);
        self.word(csrw(0x105, 5));
        self.address(2, SCRATCH + SCRATCH_BYTES / 2);
        self.address(3, LOG);
        for register in FIRST..32 {
            self.word(i(0x03, 3, register, 2, register * 8));
        }
        for register in 0..32 {
            self.word(i(0x07, 3, register, 2, register * 8 + 512));
        }
        self.words(&[csrw(3, 0), csrw(0x140, 0)]);
        self.address(1, BLOCKS);
        self.word(i(0x67, 0, 0, 1, 0));
    }

    fn handler(&mut self) {
        self.at(HANDLER);
        for (place, csr) in [0x142, 0x143, 0x141, 0x100].into_iter().enumerate() {
            self.words(&[csrr(4, csr), s(0x23, 3, 3, 4, place as u32 * 8)]);
        }
        self.words(&[
            i(0x13, 0, 3, 3, 32),
            // Two bytes or four, by the lower two bits.
            csrr(1, 0x141),
            i(0x03, 5, 4, 1, 0),
            i(0x13, 7, 4, 4, 3),
            i(0x13, 0, 4, 4, 0xffd),
            r(0x33, 0, 3, 4, 0, 4),
            i(0x13, 1, 4, 4, 1),
            r(0x33, 0x20, 0, 4, 0, 4),
            i(0x13, 0, 4, 4, 4),
            r(0x33, 0, 0, 1, 1, 4),
            csrw(0x141, 1),
            0x1020_0073,
        ]);
    }

    fn block(&mut self, random: &mut Random) {
        for _ in 0..6 {
            let (rd, f) = (FIRST + random.below(27), random.f());
            let (x_at, f_at) = (random.offset(), random.offset());
            self.words(&[i(0x03, 3, rd, 2, x_at), i(0x07, 3, f, 2, f_at)]);
        }
        for _ in 0..LENGTH {
            self.one(random);
        }
        for register in FIRST..32 {
            self.word(s(0x23, 3, 3, register, (register - FIRST) * 8));
        }
        for register in 0..32 {
            self.word(s(0x27, 3, 3, register, 216 + register * 8));
        }
        self.words(&[csrr(4, 3), s(0x23, 3, 3, 4, 472), i(0x13, 0, 3, 3, 480)]);
    }

    fn one(&mut self, random: &mut Random) {
        let (rd, rs1, rs2) = (random.rd(), random.rs(), random.rs());
        let imm = random.next();
        match random.below(20) {
            0..4 => self.word(register(random, rd, rs1, rs2)),
            4..6 => self.word(immediate(random, rd, rs1)),
            6 => self.word(imm & !0xfff | rd << 7 | random.pick(&[0x37, 0x17])),
            7 => {
                let funct3 = random.below(7);
                self.word(i(0x03, funct3, rd, 2, random.offset()));
            }
            8 => {
                let funct3 = random.below(4);
                self.word(s(0x23, funct3, 2, rs2, random.offset()));
            }
            9 => {
                let over = [
                    over_next(random.pick(&[0, 1, 4, 5, 6, 7]), rs1, rs2),
                    8 << 20 | rd << 7 | 0x6f,
                ];
                self.words(&[random.pick(&over), i(0x13, 0, rd, rs1, imm)]);
            }
            10 => self.words(&atomic(random, rd, rs2)),
            11 => {
                let csr = random.pick(&[1, 2, 3, 0x140]);
                let funct3 = random.pick(&[1, 2, 3, 5, 6, 7]);
                self.word(i(0x73, funct3, rd, rs1, csr));
            }
            12 => {
                let f = random.f();
                let funct3 = random.pick(&[2, 3]);
                self.word(i(0x07, funct3, f, 2, random.offset()));
            }
            13 => {
                let f = random.f();
                let funct3 = random.pick(&[2, 3]);
                self.word(s(0x27, funct3, 2, f, random.offset()));
            }
            14 => self.compressed(random),
            15 if random.below(4) == 0 => match random.below(4) {
                0 => self.half(0),
                1 => self.word(u32::MAX),
                // A rounding mode that is reserved.
                2 => self.word(r(0x53, 0, 5, 1, 2, 3)),
                _ => self.words(&[0x0000_100f, 0x0ff0_000f]),
            },
            _ => self.word(float(random, rd, rs1)),
        }
    }

    fn compressed(&mut self, random: &mut Random) {
        loop {
            let half = random.next() as u16;
            let insn = compressed::decode(half);
            let stays = matches!(
                insn.op,
                Operation::Addi
                    | Operation::Addiw
                    | Operation::Lui
                    | Operation::Slli
                    | Operation::Srli
                    | Operation::Srai
                    | Operation::Andi
                    | Operation::Add
                    | Operation::Sub
                    | Operation::Xor
                    | Operation::Or
                    | Operation::And
                    | Operation::Addw
                    | Operation::Subw
            );
            if half & 3 != 3 && stays && insn.rd >= FIRST as u8 && insn.rd < 32 {
                return self.half(half);
            }
        }
    }
}

fn register(random: &mut Random, rd: u32, rs1: u32, rs2: u32) -> u32 {
    let (funct7, funct3) = random.pick(&[
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (0, 5),
        (0, 6),
        (0, 7),
        (0x20, 0),
        (0x20, 5),
        (1, 0),
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (1, 5),
        (1, 6),
        (1, 7),
    ]);
    let has_word = matches!(
        (funct7, funct3),
        (0 | 0x20, 0 | 5) | (0, 1) | (1, 0 | 4..=7)
    );
    let opcode = if has_word && random.below(2) == 0 {
        0x3b
    } else {
        0x33
    };
    r(opcode, funct7, funct3, rd, rs1, rs2)
}

fn immediate(random: &mut Random, rd: u32, rs1: u32) -> u32 {
    let imm = random.next();
    match random.below(6) {
        0 => i(0x1b, 0, rd, rs1, imm),
        1 => i(0x13, random.pick(&[1, 5]), rd, rs1, imm & 0x3f),
        2 => i(0x13, 5, rd, rs1, imm & 0x3f | 0x400),
        3 => i(0x1b, random.pick(&[1, 5]), rd, rs1, imm & 0x1f),
        4 => i(0x1b, 5, rd, rs1, imm & 0x1f | 0x400),
        _ => i(0x13, random.pick(&[0, 2, 3, 4, 6, 7]), rd, rs1, imm),
    }
}

fn atomic(random: &mut Random, rd: u32, rs2: u32) -> [u32; 2] {
    let funct3 = random.pick(&[2, 3]);
    let funct5 = random.pick(&[0, 1, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c, 2]);
    if funct5 == 2 {
        // A store in between would end the reservation on QEMU alone: it compares what memory holds.
        return [
            r(0x2f, 2 << 2, funct3, rd, 2, 0),
            r(0x2f, 3 << 2, funct3, random.rd(), 2, rs2),
        ];
    }
    [
        r(0x2f, funct5 << 2 | random.below(4), funct3, rd, 2, rs2),
        NOP,
    ]
}

fn float(random: &mut Random, rd: u32, rs1: u32) -> u32 {
    let wide = random.below(2);
    let (fd, fa, fb, fc) = (random.f(), random.f(), random.f(), random.f());
    let rm = random.rounding();
    match random.below(14) {
        0..5 => r(0x53, random.below(4) << 2 | wide, rm, fd, fa, fb),
        5 => r(0x53, 0x0b << 2 | wide, rm, fd, fa, 0),
        6..8 => {
            let opcode = random.pick(&[0x43, 0x47, 0x4b, 0x4f]);
            r(opcode, fc << 2 | wide, rm, fd, fa, fb)
        }
        8 => r(0x53, 0x04 << 2 | wide, random.below(3), fd, fa, fb),
        9 => r(0x53, 0x05 << 2 | wide, random.below(2), fd, fa, fb),
        10 => r(0x53, 0x14 << 2 | wide, random.below(3), rd, fa, fb),
        11 => r(0x53, 0x18 << 2 | wide, rm, rd, fa, random.below(4)),
        12 => match random.below(3) {
            0 => r(0x53, 0x1a << 2 | wide, rm, fd, rs1, random.below(4)),
            1 => r(0x53, 0x08 << 2 | wide, rm, fd, fa, 1 - wide),
            _ => r(0x53, 0x1e << 2 | wide, 0, fd, rs1, 0),
        },
        _ => r(0x53, 0x1c << 2 | wide, random.below(2), rd, fa, 0),
    }
}

/// Numbers at which something changes, beside random ones.
fn scratch(random: &mut Random) -> Vec<u8> {
    const SPECIAL: [u64; 22] = [
        0,
        1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        0x7ff0_0000_0000_0000,
        0x7ff0_0000_0000_0001,
        0x7ff8_0000_0000_0000,
        0x000f_ffff_ffff_ffff,
        0x0010_0000_0000_0000,
        0x3ff0_0000_0000_0000,
        0x3ff0_0000_0000_0001,
        0x7fef_ffff_ffff_ffff,
        0xffff_ffff_7f80_0000,
        0xffff_ffff_7f80_0001,
        0xffff_ffff_3f80_0000,
        0xffff_ffff_0080_0000,
        0xffff_ffff_007f_ffff,
        0xffff_ffff_7f7f_ffff,
        0x36a0_0000_0000_0000,
        0x41df_ffff_ffff_ffff,
        0xffff_ffff_4f00_0000,
    ];
    let word = |random: &mut Random| {
        let any = u64::from(random.next()) << 32 | u64::from(random.next());
        match random.below(4) {
            0 => random.pick(&SPECIAL),
            1 => random.pick(&SPECIAL) ^ 1 << random.below(64),
            // A boxed single.
            2 => any | !0 << 32,
            _ => any,
        }
    };
    (0..SCRATCH_BYTES / 8)
        .flat_map(|_| word(random).to_le_bytes())
        .collect()
}

fn program(seed: u64) -> (AsmProgram, usize) {
    let mut random = Random(seed | 1);
    let mut program = AsmProgram::default();
    program.firmware();
    program.entry();
    program.handler();
    program.at(BLOCKS);
    for _ in 0..RUN {
        program.block(&mut random);
    }
    let end = program.bytes.len();
    program.at(SCRATCH);
    program.bytes.extend(scratch(&mut random));
    (program, end)
}

/// RAM after the program, on QEMU: its power switch ends it.
pub fn on_qemu(bytes: &[u8], end: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (ram, image) = (folder.path().join("ram"), folder.path().join("image"));
    let mut bytes = bytes.to_vec();
    let switch = [
        0x100 << 12 | 5 << 7 | 0x37,
        5 << 12 | 6 << 7 | 0x37,
        i(0x13, 0, 6, 6, 0x555),
        s(0x23, 2, 5, 6, 0),
    ];
    let off: Vec<u8> = switch.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes[end..end + off.len()].copy_from_slice(&off);
    fs::write(&image, bytes).expect("a file");
    let backend = format!(
        "memory-backend-file,id=ram,size=64M,share=on,mem-path={}",
        ram.display()
    );
    let run = Command::new("qemu-system-riscv64")
        .args([
            "-M",
            "virt,memory-backend=ram",
            "-m",
            "64M",
            "-smp",
            "1",
            "-display",
            "none",
        ])
        .args([
            "-serial", "none", "-monitor", "none", "-object", &backend, "-bios",
        ])
        .arg(&image)
        .output()
        .expect("qemu-system-riscv64 is there: ./setup --tests");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    fs::read(&ram).expect("QEMU's RAM")
}

/// A machine with this in RAM, which is zeros else, and a loop at its end.
pub fn loaded(bytes: &[u8], end: usize) -> StrictMachine {
    let mut board = boards::by_name("ox64").expect("the board");
    (board.ram.base, board.ram.size) = (BASE, RAM as u64);
    let options = MachineOptions {
        maee: false,
        ..MachineOptions::default()
    };
    let mut machine = StrictMachine::new(&board, options);
    machine.ram.load(0, &vec![0; RAM]).expect("it fits");
    machine.ram.load(0, bytes).expect("it fits");
    // It stays where it ends.
    machine
        .ram
        .load(end, &0x6fu32.to_le_bytes())
        .expect("it fits");
    machine
}

fn here(bytes: &[u8], end: usize) -> StrictMachine {
    let mut machine = loaded(bytes, end);
    machine.hart = C906::new(BASE + ENTRY as u64, 0, 0);
    for _ in 0..100 {
        machine.run((RUN * LENGTH) as u64);
        if machine.hart.pc == BASE + end as u64 {
            return machine;
        }
    }
    panic!("it does not come to its end, but to {:#x}", machine.hart.pc);
}

fn compare(seed: u64) {
    let (program, end) = program(seed);
    let qemu = on_qemu(&program.bytes, end);
    let machine = here(&program.bytes, end);
    let log = (machine.hart.x[3] - BASE) as usize;
    assert!(log > LOG + RUN * 480, "every block has written");
    for (from, to) in [(LOG, log), (SCRATCH, SCRATCH + SCRATCH_BYTES)] {
        let ours = machine.ram.bytes(from, to - from).expect("in RAM");
        let theirs = &qemu[from..to];
        let first = ours.iter().zip(theirs).position(|(a, b)| a != b);
        if let Some(at) = first.map(|at| at / 8 * 8) {
            let word = |of: &[u8]| u64::from_le_bytes(of[at..at + 8].try_into().expect("a word"));
            panic!(
                "seed {seed:#x}, {:#x}: QEMU has {:#018x}, here is {:#018x}",
                from + at,
                word(theirs),
                word(ours)
            );
        }
    }
}

#[test]
fn random_instructions_end_as_they_do_on_qemu() {
    let count = std::env::var("INSTRUCTIONS").ok();
    let count = count.map_or(100_000, |count| count.parse().expect("a number"));
    for run in 0..(count / (RUN * LENGTH)).max(1) as u64 {
        compare(0x0123_4567_89ab_cdef ^ run << 8);
    }
}
