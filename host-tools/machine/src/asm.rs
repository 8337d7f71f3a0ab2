//! Instructions by their formats, for programs that tests write.

pub fn r(opcode: u32, funct7: u32, funct3: u32, rd: u32, rs1: u32, rs2: u32) -> u32 {
    funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub fn i(opcode: u32, funct3: u32, rd: u32, rs1: u32, imm: u32) -> u32 {
    (imm & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode
}

pub fn s(opcode: u32, funct3: u32, rs1: u32, rs2: u32, imm: u32) -> u32 {
    (imm >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (imm & 31) << 7 | opcode
}

/// A branch over the next instruction.
pub fn over_next(funct3: u32, rs1: u32, rs2: u32) -> u32 {
    rs2 << 20 | rs1 << 15 | funct3 << 12 | 8 << 7 | 0x63
}

pub fn csrw(csr: u32, rs1: u32) -> u32 {
    i(0x73, 1, 0, rs1, csr)
}

pub fn csrr(rd: u32, csr: u32) -> u32 {
    i(0x73, 2, rd, 0, csr)
}

pub fn addi(rd: u32, rs1: u32, imm: i32) -> u32 {
    i(0x13, 0, rd, rs1, imm as u32)
}

pub fn add(rd: u32, rs1: u32, rs2: u32) -> u32 {
    r(0x33, 0, 0, rd, rs1, rs2)
}

pub fn or(rd: u32, rs1: u32, rs2: u32) -> u32 {
    r(0x33, 0, 6, rd, rs1, rs2)
}

pub fn slli(rd: u32, rs1: u32, by: u32) -> u32 {
    i(0x13, 1, rd, rs1, by)
}

pub fn srli(rd: u32, rs1: u32, by: u32) -> u32 {
    i(0x13, 5, rd, rs1, by)
}

pub fn ld(rd: u32, rs1: u32, at: i32) -> u32 {
    i(0x03, 3, rd, rs1, at as u32)
}

pub fn sd(rs2: u32, rs1: u32, at: i32) -> u32 {
    s(0x23, 3, rs1, rs2, at as u32)
}

pub const NOP: u32 = 0x13;
pub const ECALL: u32 = 0x73;
pub const SRET: u32 = 0x1020_0073;
pub const WFI: u32 = 0x1050_0073;
/// Of every address and every ASID.
pub const SFENCE: u32 = 0x1200_0073;

/// The bytes of a program, at its place in RAM.
#[derive(Default)]
pub struct AsmProgram {
    pub bytes: Vec<u8>,
}

impl AsmProgram {
    /// An instruction of four bytes.
    pub fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_le_bytes());
    }

    pub fn half(&mut self, half: u16) {
        self.bytes.extend(half.to_le_bytes());
    }

    pub fn words(&mut self, words: &[u32]) {
        words.iter().for_each(|word| self.word(*word));
    }

    /// Goes on at this place; what is skipped is zeros, which are no instructions.
    pub fn at(&mut self, place: usize) {
        assert!(self.bytes.len() <= place, "it fits");
        self.bytes.resize(place, 0);
    }

    fn distance(&self, place: usize) -> u32 {
        (place as u32).wrapping_sub(self.bytes.len() as u32)
    }

    /// The address of a place, by way of the program counter.
    pub fn address(&mut self, rd: u32, place: usize) {
        let distance = self.distance(place);
        let upper = distance.wrapping_add(0x800) & !0xfff;
        self.word(upper | rd << 7 | 0x17);
        self.word(i(0x13, 0, rd, rd, distance.wrapping_sub(upper)));
    }

    /// A number of 64 bits, which stands behind the instructions that load it.
    pub fn constant(&mut self, rd: u32, value: u64) {
        self.words(&[rd << 7 | 0x17, ld(rd, rd, 12)]);
        let behind = self.bytes.len() + 12;
        self.jump(behind);
        self.bytes.extend(value.to_le_bytes());
    }

    pub fn jump(&mut self, place: usize) {
        let d = self.distance(place);
        let imm = (d >> 20 & 1) << 31 | (d >> 1 & 0x3ff) << 21 | (d >> 11 & 1) << 20 | d & 0xff000;
        self.word(imm | 0x6f);
    }
}
