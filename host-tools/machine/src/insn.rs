//! A decoded instruction: what the interpreter executes.
//!
//! Twelve bytes each, so that a page of code is 24 KiB; what a bit pattern means is decided once, by
//! `decode`, and kept until `fence.i`.

/// Register number that stands for `x0` as a destination: written, never read.
pub const SINK: u8 = 32;

/// What an instruction does. `imm`, `rs1` and `rs2` hold what the manual's format of it has, if nothing
/// else is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[rustfmt::skip]
pub enum Operation {
    /// Nothing was decoded here yet.
    #[default]
    Undecoded,
    /// The bytes it was decoded from have been written since; see `code`.
    Suspect,
    /// Its last two bytes lie in the next page.
    Crossing,
    /// No instruction; `imm` holds its bits.
    Illegal,
    Lui, Auipc, Jal, Jalr,
    Beq, Bne, Blt, Bge, Bltu, Bgeu,
    Lb, Lh, Lw, Ld, Lbu, Lhu, Lwu,
    Sb, Sh, Sw, Sd,
    Addi, Slti, Sltiu, Xori, Ori, Andi, Slli, Srli, Srai,
    Add, Sub, Sll, Slt, Sltu, Xor, Srl, Sra, Or, And,
    Addiw, Slliw, Srliw, Sraiw,
    Addw, Subw, Sllw, Srlw, Sraw,
    Mul, Mulh, Mulhsu, Mulhu, Div, Divu, Rem, Remu,
    Mulw, Divw, Divuw, Remw, Remuw,
    Fence, FenceI,
    Ecall, Ebreak, Sret, Wfi, SfenceVma,
    Csrrw, Csrrs, Csrrc,
    /// `imm` is the CSR, `rs1` the immediate.
    Csrrwi, Csrrsi, Csrrci,
    LrW, LrD, ScW, ScD,
    AmoW, AmoD,
    Flw, Fld, Fsw, Fsd,
    /// Any other instruction of F and D; `imm` holds its bits.
    Float,
    /// One of T-Head's cache or synchronisation instructions; `imm` holds its bits.
    Cache,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Insn {
    pub op: Operation,
    /// Destination; `x0` is [`SINK`], float registers count from 0.
    pub rd: u8,
    pub rs1: u8,
    pub rs2: u8,
    /// Immediate, sign-extended to 32 bits.
    pub imm: i32,
    pub bytes: u8,
}
