//! Not recently used: of four classes by used and written, a page of the lowest.
//!
//! A page that was written and not used costs a write to the store, so one that is clean and not used goes first; one that
//! was used stays before either.

use super::{Judgement, PageUse};

pub(super) fn judge(seen: PageUse) -> Judgement {
    match 2 * u8::from(seen.accessed) + u8::from(seen.dirty) {
        0 => Judgement::Take,
        class => Judgement::Keep(3 - class),
    }
}
