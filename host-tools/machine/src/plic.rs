//! The PLIC as T-Head lays it out: one hart, M-mode's context and S-mode's.
//!
//! Source: C906 User Manual, "Platform-Level Interrupt Controller". A claim takes the pending bit and
//! keeps the source quiet until it is completed.

use crate::carrier::{Carrier, SnapshotError};

const PENDING: u64 = 0x1000;
const ENABLE: u64 = 0x2000;
const ENABLE_STRIDE: u64 = 0x80;
const THRESHOLD: u64 = 0x20_0000;
const CONTEXT_STRIDE: u64 = 0x1000;
/// Bit 0 lets S-mode in; OpenSBI sets it, and S-mode cannot reach it.
const PERMISSION: u64 = 0x1f_fffc;

/// Words of a bit for each of 1024 sources.
type Bits = [u32; 32];

#[derive(Clone, Debug)]
pub struct PlicModel {
    sources: u32,
    context: u64,
    priority: Vec<u32>,
    pending: Bits,
    in_service: Bits,
    /// By context: M-mode's and S-mode's.
    enable: [Bits; 2],
    threshold: [u32; 2],
    lines: Bits,
}

fn bit(bits: &Bits, source: u32) -> bool {
    bits.get(source as usize / 32)
        .is_some_and(|word| word >> (source % 32) & 1 == 1)
}

fn set(bits: &mut Bits, source: u32, on: bool) {
    if let Some(word) = bits.get_mut(source as usize / 32) {
        *word = *word & !(1 << (source % 32)) | u32::from(on) << (source % 32);
    }
}

impl PlicModel {
    /// As U-Boot leaves it: no priority, nothing enabled, a threshold that lets nothing pass.
    #[must_use]
    pub fn new(sources: u32, s_context: u32) -> PlicModel {
        PlicModel {
            sources,
            context: u64::from(s_context).min(1),
            priority: vec![0; sources as usize + 1],
            pending: [0; 32],
            in_service: [0; 32],
            enable: [[0; 32]; 2],
            threshold: [7; 2],
            lines: [0; 32],
        }
    }

    /// See `snapshot`.
    pub(crate) fn carry(&mut self, carrier: &mut Carrier) -> Result<(), SnapshotError> {
        let PlicModel {
            sources: _,
            context: _,
            priority,
            pending,
            in_service,
            enable,
            threshold,
            lines,
        } = self;
        carrier.numbers(priority)?;
        for bits in [pending, in_service, lines] {
            carrier.numbers(bits)?;
        }
        for bits in enable {
            carrier.numbers(bits)?;
        }
        carrier.numbers(threshold)
    }

    /// A source's line goes high or low.
    pub fn set_line(&mut self, source: u32, high: bool) {
        set(&mut self.lines, source, high);
        if high && !bit(&self.in_service, source) {
            set(&mut self.pending, source, true);
        }
    }

    /// The best source for S-mode that passes.
    fn best(&self) -> Option<u32> {
        let context = self.context as usize;
        let enabled = self.pending.iter().zip(&self.enable[context]);
        if enabled.fold(0, |any, (pending, enable)| any | pending & enable) == 0 {
            return None;
        }
        let passes = |source: &u32| {
            bit(&self.pending, *source)
                && bit(&self.enable[context], *source)
                && self.priority[*source as usize] > self.threshold[context]
        };
        // The lowest number among those of the highest priority.
        (1..=self.sources)
            .filter(passes)
            .min_by_key(|&source| (u32::MAX - self.priority[source as usize], source))
    }

    /// Does S-mode's external interrupt pend?
    #[must_use]
    pub fn interrupts(&self) -> bool {
        self.best().is_some()
    }

    /// Is there a register of S-mode's? Elsewhere reads are 0, and writes are dropped.
    #[must_use]
    pub fn has(&self, offset: u64) -> bool {
        let enables = ENABLE + self.context * ENABLE_STRIDE;
        let own = THRESHOLD + self.context * CONTEXT_STRIDE;
        let priorities = 4..=u64::from(self.sources) * 4;
        // Some kernels clear the words of sources that a PLIC does not have.
        priorities.contains(&offset)
            || (PENDING..0x1080).contains(&offset)
            || (enables..enables + ENABLE_STRIDE).contains(&offset)
            || (own..own + 8).contains(&offset)
    }

    /// Reads a word; a claim among them. `None` where S-mode may not.
    pub fn read(&mut self, offset: u64) -> Option<u32> {
        let word = |bits: &Bits, base: u64| {
            let at = (offset - base) as usize / 4;
            bits.get(at).copied().unwrap_or(0)
        };
        let enables = ENABLE + self.context * ENABLE_STRIDE;
        let own = THRESHOLD + self.context * CONTEXT_STRIDE;
        Some(match offset {
            0..PENDING => {
                let priority = self.priority.get(offset as usize / 4);
                priority.copied().unwrap_or(0)
            }
            PENDING..0x1080 => word(&self.pending, PENDING),
            PERMISSION => return None,
            _ if (enables..enables + ENABLE_STRIDE).contains(&offset) => {
                word(&self.enable[self.context as usize], enables)
            }
            _ if offset == own => self.threshold[self.context as usize],
            _ if offset == own + 4 => self.claim(),
            _ => 0,
        })
    }

    fn claim(&mut self) -> u32 {
        let Some(source) = self.best() else {
            return 0;
        };
        set(&mut self.pending, source, false);
        set(&mut self.in_service, source, true);
        source
    }

    /// Writes a word; a completion among them. `None` where S-mode may not.
    pub fn write(&mut self, offset: u64, value: u32) -> Option<()> {
        let context = self.context as usize;
        let enables = ENABLE + self.context * ENABLE_STRIDE;
        let own = THRESHOLD + self.context * CONTEXT_STRIDE;
        match offset {
            4..PENDING => {
                if let Some(priority) = self.priority.get_mut(offset as usize / 4) {
                    *priority = value & 31;
                }
            }
            PERMISSION => return None,
            _ if (enables..enables + ENABLE_STRIDE).contains(&offset) => {
                let at = (offset - enables) as usize / 4;
                if let Some(word) = self.enable[context].get_mut(at) {
                    // Source 0 is none.
                    *word = if at == 0 { value & !1 } else { value };
                }
            }
            _ if offset == own => self.threshold[context] = value & 31,
            // A completion without an enable is ignored.
            _ if offset == own + 4 && bit(&self.enable[context], value) => {
                set(&mut self.in_service, value, false);
                let high = bit(&self.lines, value);
                self.set_line(value, high);
            }
            _ => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opened for source 20, at S-mode's registers.
    fn opened() -> PlicModel {
        let mut plic = PlicModel::new(82, 1);
        plic.write(20 * 4, 1);
        plic.write(0x2080, 1 << 20);
        plic.write(0x20_1000, 0);
        plic
    }

    #[test]
    fn a_source_is_claimed_once_and_comes_again_while_its_line_is_high() {
        let mut plic = opened();
        plic.set_line(20, true);
        assert!(plic.interrupts());
        assert_eq!(plic.read(0x20_1004), Some(20));
        assert_eq!(plic.read(0x20_1004), Some(0));
        plic.write(0x20_1004, 20);
        assert!(plic.interrupts());
        plic.read(0x20_1004);
        plic.set_line(20, false);
        plic.write(0x20_1004, 20);
        assert!(!plic.interrupts());
    }

    #[test]
    fn what_u_boot_leaves_lets_nothing_pass() {
        let mut plic = PlicModel::new(82, 1);
        plic.write(20 * 4, 1);
        plic.write(0x2080, 1 << 20);
        plic.set_line(20, true);
        assert!(!plic.interrupts(), "the threshold is 7");
        plic.write(0x20_1000, 0);
        assert!(plic.interrupts());
    }

    #[test]
    fn the_other_contexts_registers_and_the_permission_are_not_s_modes() {
        let mut plic = opened();
        plic.write(0x20_1000, 7);
        plic.write(0x20_0000, 0);
        plic.set_line(20, true);
        assert!(!plic.interrupts());
        assert_eq!(plic.read(PERMISSION), None);
    }
}
