//! Whether a hart has registers of 32 or of 64 bits.

/// Bits of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Xlen {
    /// 32-bit harts.
    Rv32,
    /// 64-bit harts.
    Rv64,
}

impl Xlen {
    /// The number.
    #[inline]
    pub const fn bits(self) -> u32 {
        match self {
            Xlen::Rv32 => 32,
            Xlen::Rv64 => 64,
        }
    }
}
