//! Instructions of 16 bits: each is another spelling of one of 32.
//!
//! Source: RISC-V Unprivileged ISA, "C" Standard Extension, instruction listings for RV64.

use crate::insn::{Insn, Operation, SINK};

#[must_use]
pub fn decode(half: u16) -> Insn {
    let word = u32::from(half);
    let found = match (word & 3, word >> 13) {
        (0, funct3) => quadrant_0(word, funct3),
        (1, funct3) => quadrant_1(word, funct3),
        (_, funct3) => quadrant_2(word, funct3),
    };
    found.unwrap_or(Insn {
        op: Operation::Illegal,
        imm: i32::from(half),
        bytes: 2,
        ..Insn::default()
    })
}

fn insn(op: Operation, rd: u32, rs1: u32, rs2: u32, imm: i32) -> Insn {
    Insn {
        op,
        rd: if rd == 0 { SINK } else { rd as u8 },
        rs1: rs1 as u8,
        rs2: rs2 as u8,
        imm,
        bytes: 2,
    }
}

/// A float register as destination: 0 is one of them.
fn float(insn: Insn, rd: u32) -> Insn {
    Insn {
        rd: rd as u8,
        ..insn
    }
}

/// `rd'` or `rs2'`, and `rs1'`.
fn low(word: u32) -> u32 {
    8 + (word >> 2 & 7)
}

fn high(word: u32) -> u32 {
    8 + (word >> 7 & 7)
}

fn full(word: u32) -> u32 {
    word >> 7 & 31
}

fn second(word: u32) -> u32 {
    word >> 2 & 31
}

/// Bits 12 and 6:2, sign-extended.
fn imm6(word: u32) -> i32 {
    let bits = word >> 7 & 0x20 | word >> 2 & 0x1f;
    (bits as i32) << 26 >> 26
}

fn shamt(word: u32) -> i32 {
    imm6(word) & 0x3f
}

fn uimm_w(word: u32) -> i32 {
    (word >> 7 & 0x38 | word >> 4 & 0x4 | word << 1 & 0x40) as i32
}

fn uimm_d(word: u32) -> i32 {
    (word >> 7 & 0x38 | word << 1 & 0xc0) as i32
}

fn quadrant_0(word: u32, funct3: u32) -> Option<Insn> {
    let (rd, rs1) = (low(word), high(word));
    Some(match funct3 {
        0 => {
            let imm = word >> 7 & 0x30 | word >> 1 & 0x3c0 | word >> 4 & 0x4 | word >> 2 & 0x8;
            if imm == 0 {
                return None;
            }
            insn(Operation::Addi, rd, 2, 0, imm as i32)
        }
        1 => float(insn(Operation::Fld, rd, rs1, 0, uimm_d(word)), rd),
        2 => insn(Operation::Lw, rd, rs1, 0, uimm_w(word)),
        3 => insn(Operation::Ld, rd, rs1, 0, uimm_d(word)),
        5 => insn(Operation::Fsd, 0, rs1, rd, uimm_d(word)),
        6 => insn(Operation::Sw, 0, rs1, rd, uimm_w(word)),
        7 => insn(Operation::Sd, 0, rs1, rd, uimm_d(word)),
        _ => return None,
    })
}

fn quadrant_1(word: u32, funct3: u32) -> Option<Insn> {
    let rd = full(word);
    Some(match funct3 {
        0 => insn(Operation::Addi, rd, rd, 0, imm6(word)),
        1 if rd != 0 => insn(Operation::Addiw, rd, rd, 0, imm6(word)),
        2 => insn(Operation::Addi, rd, 0, 0, imm6(word)),
        3 if rd == 2 => {
            let bits = word >> 3 & 0x200
                | word >> 2 & 0x10
                | word << 1 & 0x40
                | word << 4 & 0x180
                | word << 3 & 0x20;
            let imm = (bits as i32) << 22 >> 22;
            if imm == 0 {
                return None;
            }
            insn(Operation::Addi, 2, 2, 0, imm)
        }
        3 => {
            let imm = imm6(word) << 12;
            if imm == 0 {
                return None;
            }
            insn(Operation::Lui, rd, 0, 0, imm)
        }
        4 => return arithmetic(word),
        5 => insn(Operation::Jal, 0, 0, 0, j_imm(word)),
        6 => insn(Operation::Beq, 0, high(word), 0, b_imm(word)),
        7 => insn(Operation::Bne, 0, high(word), 0, b_imm(word)),
        _ => return None,
    })
}

fn arithmetic(word: u32) -> Option<Insn> {
    let (rd, rs2) = (high(word), low(word));
    Some(match (word >> 10 & 3, word >> 12 & 1, word >> 5 & 3) {
        (0, ..) => insn(Operation::Srli, rd, rd, 0, shamt(word)),
        (1, ..) => insn(Operation::Srai, rd, rd, 0, shamt(word)),
        (2, ..) => insn(Operation::Andi, rd, rd, 0, imm6(word)),
        (_, 0, 0) => insn(Operation::Sub, rd, rd, rs2, 0),
        (_, 0, 1) => insn(Operation::Xor, rd, rd, rs2, 0),
        (_, 0, 2) => insn(Operation::Or, rd, rd, rs2, 0),
        (_, 0, _) => insn(Operation::And, rd, rd, rs2, 0),
        (_, _, 0) => insn(Operation::Subw, rd, rd, rs2, 0),
        (_, _, 1) => insn(Operation::Addw, rd, rd, rs2, 0),
        _ => return None,
    })
}

fn j_imm(word: u32) -> i32 {
    let bits = word >> 1 & 0x800
        | word >> 7 & 0x10
        | word >> 1 & 0x300
        | word << 2 & 0x400
        | word >> 1 & 0x40
        | word << 1 & 0x80
        | word >> 2 & 0xe
        | word << 3 & 0x20;
    (bits as i32) << 20 >> 20
}

fn b_imm(word: u32) -> i32 {
    let bits = word >> 4 & 0x100
        | word >> 7 & 0x18
        | word << 1 & 0xc0
        | word >> 2 & 0x6
        | word << 3 & 0x20;
    (bits as i32) << 23 >> 23
}

fn quadrant_2(word: u32, funct3: u32) -> Option<Insn> {
    let (rd, rs2) = (full(word), second(word));
    let load_w = (word >> 7 & 0x20 | word >> 2 & 0x1c | word << 4 & 0xc0) as i32;
    let load_d = (word >> 7 & 0x20 | word >> 2 & 0x18 | word << 4 & 0x1c0) as i32;
    let store_w = (word >> 7 & 0x3c | word >> 1 & 0xc0) as i32;
    let store_d = (word >> 7 & 0x38 | word >> 1 & 0x1c0) as i32;
    Some(match funct3 {
        0 => insn(Operation::Slli, rd, rd, 0, shamt(word)),
        1 => float(insn(Operation::Fld, rd, 2, 0, load_d), rd),
        2 if rd != 0 => insn(Operation::Lw, rd, 2, 0, load_w),
        3 if rd != 0 => insn(Operation::Ld, rd, 2, 0, load_d),
        4 => return jump_or_move(word, rd, rs2),
        5 => insn(Operation::Fsd, 0, 2, rs2, store_d),
        6 => insn(Operation::Sw, 0, 2, rs2, store_w),
        7 => insn(Operation::Sd, 0, 2, rs2, store_d),
        _ => return None,
    })
}

fn jump_or_move(word: u32, rd: u32, rs2: u32) -> Option<Insn> {
    Some(match (word >> 12 & 1, rd, rs2) {
        (0, 0, 0) => return None,
        (0, _, 0) => insn(Operation::Jalr, 0, rd, 0, 0),
        (0, ..) => insn(Operation::Add, rd, 0, rs2, 0),
        (_, 0, 0) => insn(Operation::Ebreak, 0, 0, 0, 0),
        (_, _, 0) => insn(Operation::Jalr, 1, rd, 0, 0),
        _ => insn(Operation::Add, rd, rd, rs2, 0),
    })
}
