//! Register width of a hart.

/// Register width: 32 or 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Xlen {
    /// A 32-bit hart.
    Rv32,
    /// A 64-bit hart.
    Rv64,
}

impl Xlen {
    /// The width as a number.
    #[inline]
    pub const fn bits(self) -> u32 {
        match self {
            Xlen::Rv32 => 32,
            Xlen::Rv64 => 64,
        }
    }
}
