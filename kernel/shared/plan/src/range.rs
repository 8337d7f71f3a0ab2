//! A piece of physical memory, and what is left of it when others are taken.

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

    /// The whole pages of this range that none of `holes` touches, ascending. No hole may be empty.
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

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

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
