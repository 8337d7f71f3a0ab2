//! Instruction bits to operations: RV64IMAFDC, Zicsr, Zifencei, S-mode's own, T-Head's cache instructions.
//!
//! Source: RISC-V Unprivileged ISA, "RV32/64G Instruction Set Listings"; Privileged ISA, "RISC-V
//! Privileged Instruction Set Listings"; XTheadCmo and XTheadSync.

use crate::compressed;
use crate::insn::{Insn, Operation, SINK};

/// Decodes the instruction that begins with `word`; of a compressed one the upper half is not looked at.
#[must_use]
pub fn decode(word: u32) -> Insn {
    if word & 3 != 3 {
        return compressed::decode(word as u16);
    }
    wide(word).unwrap_or(Insn {
        op: Operation::Illegal,
        imm: word as i32,
        bytes: 4,
        ..Insn::default()
    })
}

fn destination(word: u32) -> u8 {
    match (word >> 7 & 31) as u8 {
        0 => SINK,
        rd => rd,
    }
}

/// With every register field filled in, an immediate of the I format, and four bytes.
fn base(op: Operation, word: u32) -> Insn {
    Insn {
        op,
        rd: destination(word),
        rs1: (word >> 15 & 31) as u8,
        rs2: (word >> 20 & 31) as u8,
        imm: word as i32 >> 20,
        bytes: 4,
    }
}

fn wide(word: u32) -> Option<Insn> {
    let funct3 = word >> 12 & 7;
    let with = |op: Option<Operation>| op.map(|op| base(op, word));
    let with_imm = |op: Option<Operation>, imm: i32| {
        op.map(|op| Insn {
            imm,
            ..base(op, word)
        })
    };
    // Float registers have no zero among them.
    let float = |op: Operation, imm: i32| Insn {
        rd: (word >> 7 & 31) as u8,
        imm,
        ..base(op, word)
    };
    match word & 0x7f {
        0x37 => with_imm(Some(Operation::Lui), (word & 0xffff_f000) as i32),
        0x17 => with_imm(Some(Operation::Auipc), (word & 0xffff_f000) as i32),
        0x6f => with_imm(Some(Operation::Jal), j_imm(word)),
        0x67 => with((funct3 == 0).then_some(Operation::Jalr)),
        0x63 => with_imm(branch(funct3), b_imm(word)),
        0x03 => with(load(funct3)),
        0x23 => with_imm(store(funct3), s_imm(word)),
        0x13 => immediate(word),
        0x1b => immediate_w(word),
        0x33 => with(register(word)),
        0x3b => with(register_w(word)),
        0x0f => with(match funct3 {
            0 => Some(Operation::Fence),
            1 => Some(Operation::FenceI),
            _ => None,
        }),
        0x73 => system(word),
        0x2f => atomic(word),
        0x07 => match funct3 {
            2 => Some(float(Operation::Flw, word as i32 >> 20)),
            3 => Some(float(Operation::Fld, word as i32 >> 20)),
            _ => None,
        },
        0x27 => match funct3 {
            2 => Some(float(Operation::Fsw, s_imm(word))),
            3 => Some(float(Operation::Fsd, s_imm(word))),
            _ => None,
        },
        0x43 | 0x47 | 0x4b | 0x4f | 0x53 => Some(float(Operation::Float, word as i32)),
        0x0b => with_imm(cache(word).then_some(Operation::Cache), word as i32),
        _ => None,
    }
}

fn j_imm(word: u32) -> i32 {
    let sign = (word as i32 >> 31) << 20;
    let rest = (word & 0xff000) | (word >> 9 & 0x800) | (word >> 20 & 0x7fe);
    sign | rest as i32
}

fn b_imm(word: u32) -> i32 {
    let sign = (word as i32 >> 31) << 12;
    let rest = (word << 4 & 0x800) | (word >> 20 & 0x7e0) | (word >> 7 & 0x1e);
    sign | rest as i32
}

fn s_imm(word: u32) -> i32 {
    (word as i32 >> 25) << 5 | (word >> 7 & 31) as i32
}

fn branch(funct3: u32) -> Option<Operation> {
    Some(match funct3 {
        0 => Operation::Beq,
        1 => Operation::Bne,
        4 => Operation::Blt,
        5 => Operation::Bge,
        6 => Operation::Bltu,
        7 => Operation::Bgeu,
        _ => return None,
    })
}

fn load(funct3: u32) -> Option<Operation> {
    Some(match funct3 {
        0 => Operation::Lb,
        1 => Operation::Lh,
        2 => Operation::Lw,
        3 => Operation::Ld,
        4 => Operation::Lbu,
        5 => Operation::Lhu,
        6 => Operation::Lwu,
        _ => return None,
    })
}

fn store(funct3: u32) -> Option<Operation> {
    Some(match funct3 {
        0 => Operation::Sb,
        1 => Operation::Sh,
        2 => Operation::Sw,
        3 => Operation::Sd,
        _ => return None,
    })
}

fn immediate(word: u32) -> Option<Insn> {
    let shift = |op, imm| {
        Some(Insn {
            imm: (imm & 0x3f) as i32,
            ..base(op, word)
        })
    };
    let op = match word >> 12 & 7 {
        0 => Operation::Addi,
        2 => Operation::Slti,
        3 => Operation::Sltiu,
        4 => Operation::Xori,
        6 => Operation::Ori,
        7 => Operation::Andi,
        funct3 => {
            return match (funct3, word >> 26) {
                (1, 0) => shift(Operation::Slli, word >> 20),
                (5, 0) => shift(Operation::Srli, word >> 20),
                (5, 0x10) => shift(Operation::Srai, word >> 20),
                _ => None,
            };
        }
    };
    Some(base(op, word))
}

fn immediate_w(word: u32) -> Option<Insn> {
    let op = match (word >> 12 & 7, word >> 25) {
        (0, _) => return Some(base(Operation::Addiw, word)),
        (1, 0) => Operation::Slliw,
        (5, 0) => Operation::Srliw,
        (5, 0x20) => Operation::Sraiw,
        _ => return None,
    };
    Some(Insn {
        imm: (word >> 20 & 31) as i32,
        ..base(op, word)
    })
}

fn register(word: u32) -> Option<Operation> {
    Some(match (word >> 25, word >> 12 & 7) {
        (0, 0) => Operation::Add,
        (0, 1) => Operation::Sll,
        (0, 2) => Operation::Slt,
        (0, 3) => Operation::Sltu,
        (0, 4) => Operation::Xor,
        (0, 5) => Operation::Srl,
        (0, 6) => Operation::Or,
        (0, 7) => Operation::And,
        (0x20, 0) => Operation::Sub,
        (0x20, 5) => Operation::Sra,
        (1, 0) => Operation::Mul,
        (1, 1) => Operation::Mulh,
        (1, 2) => Operation::Mulhsu,
        (1, 3) => Operation::Mulhu,
        (1, 4) => Operation::Div,
        (1, 5) => Operation::Divu,
        (1, 6) => Operation::Rem,
        (1, 7) => Operation::Remu,
        _ => return None,
    })
}

fn register_w(word: u32) -> Option<Operation> {
    Some(match (word >> 25, word >> 12 & 7) {
        (0, 0) => Operation::Addw,
        (0, 1) => Operation::Sllw,
        (0, 5) => Operation::Srlw,
        (0x20, 0) => Operation::Subw,
        (0x20, 5) => Operation::Sraw,
        (1, 0) => Operation::Mulw,
        (1, 4) => Operation::Divw,
        (1, 5) => Operation::Divuw,
        (1, 6) => Operation::Remw,
        (1, 7) => Operation::Remuw,
        _ => return None,
    })
}

fn system(word: u32) -> Option<Insn> {
    let csr = |op| {
        Some(Insn {
            imm: (word >> 20) as i32,
            ..base(op, word)
        })
    };
    match word >> 12 & 7 {
        0 => match word {
            0x0000_0073 => Some(base(Operation::Ecall, word)),
            0x0010_0073 => Some(base(Operation::Ebreak, word)),
            0x1020_0073 => Some(base(Operation::Sret, word)),
            0x1050_0073 => Some(base(Operation::Wfi, word)),
            _ if word >> 25 == 0x09 && word >> 7 & 31 == 0 => {
                Some(base(Operation::SfenceVma, word))
            }
            _ => None,
        },
        1 => csr(Operation::Csrrw),
        2 => csr(Operation::Csrrs),
        3 => csr(Operation::Csrrc),
        5 => csr(Operation::Csrrwi),
        6 => csr(Operation::Csrrsi),
        7 => csr(Operation::Csrrci),
        _ => None,
    }
}

fn atomic(word: u32) -> Option<Insn> {
    let wide = match word >> 12 & 7 {
        2 => false,
        3 => true,
        _ => return None,
    };
    let funct5 = word >> 27;
    let op = match (funct5, wide) {
        (0x02, _) if word >> 20 & 31 != 0 => return None,
        (0x02, false) => Operation::LrW,
        (0x02, true) => Operation::LrD,
        (0x03, false) => Operation::ScW,
        (0x03, true) => Operation::ScD,
        (0x00 | 0x01 | 0x04 | 0x08 | 0x0c | 0x10 | 0x14 | 0x18 | 0x1c, false) => Operation::AmoW,
        (0x00 | 0x01 | 0x04 | 0x08 | 0x0c | 0x10 | 0x14 | 0x18 | 0x1c, true) => Operation::AmoD,
        _ => return None,
    };
    Some(Insn {
        imm: funct5 as i32,
        ..base(op, word)
    })
}

/// custom-0 with funct3 0 and no destination: XTheadCmo has funct7 0 (all of the cache) and 1 (a line),
/// XTheadSync the last four of funct7 0.
fn cache(word: u32) -> bool {
    let (funct7, rs2) = (word >> 25, word >> 20 & 31);
    word >> 7 & 0xff == 0
        && match funct7 {
            0 => {
                word >> 15 & 31 == 0
                    && matches!(rs2, 0x01..=0x03 | 0x10 | 0x11 | 0x15..=0x17 | 0x18..=0x1b)
            }
            1 => matches!(rs2, 0x01..=0x0b | 0x10 | 0x18),
            _ => false,
        }
}
