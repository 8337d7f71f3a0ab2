//! Least recently used: of the pages that the hand looks at, the one that it found unused most often.
//!
//! A hart does not say when a page was used, only that it was since the bit was cleared. Rounds of the hand are therefore
//! the clock, and the pages of one look are compared, not all there are.

use super::{Judgement, PageUse};

pub(super) fn judge(seen: PageUse) -> Judgement {
    Judgement::Keep(seen.idle)
}
