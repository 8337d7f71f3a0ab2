//! F and D: bits in float registers.

use crate::hart::C906;

impl C906 {
    /// Executes an instruction of F or D that is no load and no store; `None` if there is none of these
    /// bits, or its rounding mode is reserved.
    pub(crate) fn float(&mut self, bits: u32) -> Option<()> {
        let (funct7, rs2, funct3) = (bits >> 25, bits >> 20 & 31, bits >> 12 & 7);
        let (rd, rs1) = ((bits >> 7 & 31) as usize, (bits >> 15 & 31) as usize);
        match (funct7, rs2, funct3) {
            (0x71, 0, 0) if rd != 0 => self.x[rd] = self.f[rs1],
            (0x79, 0, 0) => self.f[rd] = self.x[rs1],
            (0x70, 0, 0) if rd != 0 => self.x[rd] = i64::from(self.f[rs1] as i32) as u64,
            (0x78, 0, 0) => self.f[rd] = self.x[rs1] & 0xffff_ffff | !0 << 32,
            (0x69, 0, _) => self.f[rd] = f64::from(self.x[rs1] as i32).to_bits(),
            _ => return None,
        }
        Some(())
    }
}
