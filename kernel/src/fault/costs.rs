//! Instructions that something took: a histogram with stated bounds, their sum and the most.

/// Where bins end, in instructions, exclusive; one more bin has what took longer.
pub const BOUNDS: [u32; 9] = [256, 512, 1024, 2048, 4096, 8192, 16_384, 65_536, 262_144];
/// Bins of a histogram.
pub const BINS: usize = BOUNDS.len() + 1;

/// What something took, each time since boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// How often it took less than the bound of the bin, and as much as the one before.
    pub bins: [u32; BINS],
    /// All of them together.
    pub total: u64,
    /// The most that it took.
    pub most: u32,
}

impl Costs {
    /// It never happened.
    pub const NONE: Costs = Costs {
        bins: [0; BINS],
        total: 0,
        most: 0,
    };

    /// It took so many instructions.
    pub fn add(&mut self, cost: u32) {
        let bin = BOUNDS.iter().position(|bound| cost < *bound);
        let bin = &mut self.bins[bin.unwrap_or(BINS - 1)];
        *bin = bin.wrapping_add(1);
        self.total += u64::from(cost);
        self.most = self.most.max(cost);
    }

    /// How often it happened.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| u64::from(*bin)).sum()
    }

    /// What it took on average; 0 if it never happened.
    pub fn average(&self) -> u64 {
        self.total.checked_div(self.count()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_end_below_their_bounds_and_add_up_to_all_that_happened() {
        let mut costs = Costs::NONE;
        assert_eq!((costs.count(), costs.average()), (0, 0));
        for cost in [0, 255, 256, 8191, 8192, 262_143, 262_144, u32::MAX] {
            costs.add(cost);
        }
        assert_eq!(costs.bins, [2, 1, 0, 0, 0, 1, 1, 0, 1, 2]);
        assert_eq!((costs.count(), costs.most), (8, u32::MAX));
        assert_eq!(costs.average(), costs.total / 8);
    }
}
