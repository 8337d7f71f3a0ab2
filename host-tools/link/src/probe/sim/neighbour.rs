//! Another TAP on the chain, without a debug module.

/// A TAP with an instruction register, a bypass, and optionally an IDCODE.
#[derive(Clone, Debug)]
pub struct Neighbour {
    ir_bits: u32,
    idcode: Option<u32>,
    is_bypassed: bool,
    shifted: u64,
    length: u32,
}

impl Neighbour {
    /// A TAP with an instruction register of `ir_bits` bits.
    pub fn new(ir_bits: u32, idcode: Option<u32>) -> Neighbour {
        Neighbour {
            ir_bits,
            idcode,
            is_bypassed: idcode.is_none(),
            shifted: 0,
            length: 1,
        }
    }

    pub(super) fn reset(&mut self) {
        self.is_bypassed = self.idcode.is_none();
    }

    pub(super) fn capture(&mut self, is_instruction: bool) {
        (self.shifted, self.length) = match (is_instruction, self.idcode) {
            (true, _) => (1, self.ir_bits),
            (false, Some(idcode)) if !self.is_bypassed => (u64::from(idcode), 32),
            _ => (0, 1),
        };
    }

    /// Shifts one bit in and returns the one shifted out.
    pub(super) fn shift(&mut self, tdi: bool) -> bool {
        let leaves = self.tdo();
        self.shifted = self.shifted >> 1 | u64::from(tdi) << (self.length - 1);
        leaves
    }

    pub(super) fn tdo(&self) -> bool {
        self.shifted & 1 == 1
    }

    pub(super) fn update_instruction(&mut self) {
        // All ones is the bypass; other instructions are not simulated.
        self.is_bypassed = self.shifted == (1 << self.ir_bits) - 1 || self.idcode.is_none();
    }
}
