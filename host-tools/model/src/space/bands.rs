//! Divides an address space into a few bands, for charts.

use pagetable::VirtAddr;

use super::{AddressSpace, MappedRange};

/// Neighbouring ranges, and the distance to the next band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band<'a> {
    /// The ranges, at least one.
    pub ranges: &'a [MappedRange],
    /// Bytes from the first to the last mapped byte, holes included.
    pub bytes: u64,
    /// Bytes up to the next band; `None` for the last.
    pub gap: Option<u64>,
}

impl Band<'_> {
    /// First virtual address.
    pub fn va(&self) -> VirtAddr {
        self.ranges[0].va
    }

    /// Bytes mapped, without holes.
    pub fn mapped_bytes(&self) -> u64 {
        self.ranges.iter().map(|range| range.bytes).sum()
    }
}

impl AddressSpace {
    /// Divides the space into at most `most` bands at its widest gaps. Gaps of equal width are all cut, or
    /// none is.
    pub fn bands(&self, most: usize) -> Vec<Band<'_>> {
        let runs: Vec<(u64, u64)> = self
            .ranges()
            .iter()
            .map(|range| (range.va.raw(), range.bytes))
            .collect();
        let cuts = cut(&runs, most).into_iter();
        cuts.map(|piece| Band {
            ranges: &self.ranges()[piece.runs],
            bytes: piece.bytes,
            gap: piece.gap,
        })
        .collect()
    }
}

/// Neighbouring runs of a divided list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutPiece {
    /// Indices of the runs, at least one.
    pub runs: std::ops::Range<usize>,
    /// Bytes from the first to the last run, holes included.
    pub bytes: u64,
    /// Bytes up to the next piece; `None` for the last.
    pub gap: Option<u64>,
}

/// Divides runs (first address, bytes), sorted by address, into at most `most` pieces at the widest gaps.
/// Gaps of equal width are all cut, or none is.
pub fn cut(runs: &[(u64, u64)], most: usize) -> Vec<CutPiece> {
    let gap = |pair: &[(u64, u64)]| pair[1].0.wrapping_sub(pair[0].0.wrapping_add(pair[0].1));
    let gaps: Vec<u64> = runs.windows(2).map(gap).collect();
    let mut widest = gaps.clone();
    widest.sort_unstable_by(|a, b| b.cmp(a));
    // The widest gap that is not cut; all cuts must be wider.
    let inside = widest.get(most.saturating_sub(1)).copied();
    let piece = |runs_of: std::ops::Range<usize>, gap| {
        let (first, last) = (runs[runs_of.start], runs[runs_of.end - 1]);
        CutPiece {
            bytes: last.0.wrapping_sub(first.0).wrapping_add(last.1),
            runs: runs_of,
            gap,
        }
    };
    let mut pieces = Vec::new();
    let mut first = 0;
    for place in (0..gaps.len()).filter(|place| Some(gaps[*place]) > inside) {
        pieces.push(piece(first..place + 1, Some(gaps[place])));
        first = place + 1;
    }
    if first < runs.len() {
        pieces.push(piece(first..runs.len(), None));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use pagetable::{Dialect, Memory, Mode, PhysAddr, Pte, Satp};

    /// Root, level 1 and level 0, one page each; level 0 contains `pages`.
    struct LeafTables(Vec<u64>);

    impl Memory for LeafTables {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let index = at.offset(4096) / 8;
            Ok(match (at.frame(), index) {
                (1, 0) => Pte::pointer(Mode::Sv39, PhysAddr::new(0x2000)).raw(),
                (2, 0) => Pte::pointer(Mode::Sv39, PhysAddr::new(0x3000)).raw(),
                (3, page) if self.0.contains(&page) => {
                    let at = PhysAddr::from_frame(0x80000 - page);
                    Pte::leaf(Mode::Sv39, at, Pte::READ).raw()
                }
                _ => 0,
            })
        }
    }

    fn space(pages: &[u64]) -> AddressSpace {
        let satp = Satp {
            mode: Mode::Sv39,
            asid: 0,
            root: PhysAddr::new(0x1000),
        };
        AddressSpace::read(&mut LeafTables(pages.to_vec()), satp, Dialect::None)
    }

    #[test]
    fn the_widest_gaps_are_the_cuts() {
        let space = space(&[0, 1, 3, 100, 102, 511]);
        let bands = space.bands(3);
        let shape: Vec<_> = bands
            .iter()
            .map(|band| {
                (
                    band.va().page(),
                    band.ranges.len(),
                    band.bytes / 4096,
                    band.gap,
                )
            })
            .collect();
        assert_eq!(
            shape,
            [
                (0, 3, 4, Some(96 * 4096)),
                (100, 2, 3, Some(408 * 4096)),
                (511, 1, 1, None),
            ]
        );
        assert_eq!(bands[0].mapped_bytes(), 3 * 4096);
    }

    #[test]
    fn few_ranges_are_a_band_each_and_nothing_is_none() {
        assert_eq!(space(&[0, 5]).bands(10).len(), 2);
        assert_eq!(space(&[0, 5]).bands(1).len(), 1);
        assert!(space(&[]).bands(10).is_empty());
    }

    #[test]
    fn equal_gaps_are_cut_all_or_not_at_all() {
        let space = space(&[0, 2, 4, 6, 100]);
        assert_eq!(space.bands(3).len(), 2);
        assert_eq!(space.bands(5).len(), 5);
    }
}
