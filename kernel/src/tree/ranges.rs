//! Pieces of physical memory, in the order of the device tree.

pub use plan::Range;

use super::error::{MAX_RANGES, TreeError};

/// A few ranges, in the order of the tree.
#[derive(Clone, Copy, Debug)]
pub struct Ranges {
    list: [Range; MAX_RANGES],
    used: usize,
}

impl Ranges {
    pub(super) const EMPTY: Ranges = Ranges {
        list: [Range { base: 0, bytes: 0 }; MAX_RANGES],
        used: 0,
    };

    pub(super) fn push(&mut self, base: u64, bytes: u64) -> Result<(), TreeError> {
        if bytes == 0 {
            return Ok(());
        }
        let slot = self
            .list
            .get_mut(self.used)
            .ok_or(TreeError::TooManyRanges)?;
        *slot = Range { base, bytes };
        self.used += 1;
        Ok(())
    }

    /// Cuts off what lies outside of `reach`; how many bytes that was.
    pub fn keep_within(&mut self, reach: Range) -> u64 {
        let mut cut = 0;
        let mut kept = Ranges::EMPTY;
        for range in self.as_slice() {
            let base = range.base.max(reach.base);
            let bytes = range.end().min(reach.end()).saturating_sub(base);
            cut += range.bytes - bytes;
            if bytes > 0 {
                kept.list[kept.used] = Range { base, bytes };
                kept.used += 1;
            }
        }
        *self = kept;
        cut
    }

    /// The ranges, in the order of the tree.
    pub fn as_slice(&self) -> &[Range] {
        &self.list[..self.used]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(base: u64, bytes: u64) -> Range {
        Range { base, bytes }
    }

    #[test]
    fn ram_beyond_the_kernels_reach_is_cut_off_and_counted() {
        let mut ram = Ranges::EMPTY;
        for (base, bytes) in [
            (0x1000, 0x1000),
            (0x8000_0000, 0x8000_0000),
            (0x1_0000_0000, 0x2000),
        ] {
            ram.push(base, bytes).unwrap();
        }
        let cut = ram.keep_within(range(0x8000_0000, 0x3e00_0000));
        assert_eq!(cut, 0x1000 + 0x4200_0000 + 0x2000);
        assert_eq!(ram.as_slice(), [range(0x8000_0000, 0x3e00_0000)]);
        assert_eq!(ram.keep_within(range(0, u64::MAX)), 0);
    }
}
