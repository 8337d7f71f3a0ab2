//! Pieces of physical memory, and what is left of one when others are taken.

use super::error::{MAX_RANGES, TreeError};

/// A piece of physical memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// Physical address of the first byte.
    pub base: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Range {
    /// One past the last byte; saturates at the end of the address space.
    pub fn end(self) -> u64 {
        self.base.saturating_add(self.bytes)
    }

    /// The whole pages of this range that none of `holes` touches, ascending.
    pub fn without(
        self,
        holes: impl Iterator<Item = Range> + Clone,
    ) -> impl Iterator<Item = Range> {
        const PAGE: u64 = 4096;
        let end = self.end() / PAGE * PAGE;
        let mut at = self.base.div_ceil(PAGE).saturating_mul(PAGE);
        core::iter::from_fn(move || {
            // Step over every hole that begins at or before here.
            while let Some(hole) = holes
                .clone()
                .find(|hole| hole.base <= at && at < hole.end())
            {
                at = hole.end().div_ceil(PAGE).saturating_mul(PAGE);
            }
            if at >= end {
                return None;
            }
            let next = holes
                .clone()
                .map(|hole| hole.base / PAGE * PAGE)
                .filter(|&base| base >= at)
                .min();
            let stop = next.unwrap_or(end).min(end);
            let piece = Range {
                base: at,
                bytes: stop - at,
            };
            at = stop;
            // A hole that begins inside the page at `stop` ends the piece before that page.
            if let Some(hole) = holes.clone().find(|hole| hole.base / PAGE * PAGE == stop) {
                at = hole.end().div_ceil(PAGE).saturating_mul(PAGE);
            }
            Some(piece)
        })
        .filter(|piece| piece.bytes > 0)
    }
}

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

    fn pieces(ram: Range, holes: &[Range]) -> Vec<(u64, u64)> {
        ram.without(holes.iter().copied())
            .map(|piece| (piece.base, piece.bytes))
            .collect()
    }

    fn range(base: u64, bytes: u64) -> Range {
        Range { base, bytes }
    }

    #[test]
    fn holes_split_ram_and_are_rounded_out_to_pages() {
        let ram = range(0x8000_0000, 0x10_0000);
        let holes = [
            range(0x8000_4800, 0x10),
            range(0x8000_0000, 0x1001),
            range(0x800f_f000, 0x9000),
        ];
        assert_eq!(
            pieces(ram, &holes),
            [(0x8000_2000, 0x2000), (0x8000_5000, 0xf_a000)]
        );
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

    #[test]
    fn overlapping_nested_and_foreign_holes_are_no_trouble() {
        let ram = range(0x1000, 0x9000);
        let holes = [
            range(0x2000, 0x4000),
            range(0x3000, 0x1000),
            range(0x5000, 0x2000),
            range(0x100_0000, 0x1000),
        ];
        assert_eq!(pieces(ram, &holes), [(0x1000, 0x1000), (0x7000, 0x3000)]);
        assert_eq!(pieces(ram, &[range(0, u64::MAX)]), []);
        assert_eq!(pieces(range(0x1800, 0x400), &[]), []);
    }
}
