//! Where the hand is that goes round all frames, and what it has taken.

use super::Policy;
use crate::fault::Costs;

/// Which page goes next: where the hand is, and how it judges.
#[derive(Clone, Copy, Debug)]
pub struct Evictor {
    /// How pages are judged.
    pub policy: Policy,
    /// An arena, and the number of a frame in it.
    pub(in crate::mm) hand: (usize, u64),
    pub(in crate::mm) counts: Evictions,
    /// Instructions can be counted.
    pub counting: bool,
    /// What it took to choose a page.
    pub(in crate::mm) costs: Costs,
}

/// What was evicted since boot, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evictions {
    /// As they were at first, or as the store had them: nothing was written.
    pub clean: u64,
    /// Written to the store.
    pub dirty: u64,
}

impl Evictor {
    /// The hand at the first frame.
    pub const START: Evictor = Evictor {
        policy: Policy::Clock,
        hand: (0, 0),
        counts: Evictions { clean: 0, dirty: 0 },
        counting: false,
        costs: Costs::NONE,
    };

    /// What it took to choose a page, in instructions.
    pub fn costs(&self) -> &Costs {
        &self.costs
    }

    /// What was evicted since boot.
    pub fn counts(&self) -> Evictions {
        self.counts
    }
}
