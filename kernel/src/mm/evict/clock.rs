//! Clock, or second chance: the first page that was not used since the hand came by last.
//!
//! One that was used loses its A bit as the hand passes, and goes the next time if it is not used until then.

use super::{Judgement, PageUse};

pub(super) fn judge(seen: PageUse) -> Judgement {
    if seen.accessed {
        Judgement::Keep(0)
    } else {
        Judgement::Take
    }
}
