//! Which page goes when memory is short: one file a policy, and one row here.
//!
//! The hand goes round all frames ([`reclaim`](mod@super::reclaim)); a policy judges each page that it passes. No list is kept, so
//! that a page costs nothing when it comes: the fast path could not enter it in one.
//!
//! ```text
//!   hand ─► page: A, D, rounds without A ─► policy ─► Take: it goes
//!                                               └───► Keep(rank): if none is taken of so many, the highest rank goes
//! ```

mod clock;
mod hand;
mod lru;
mod nru;

pub use hand::Evictor;

/// A page as the hand finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageUse {
    /// It was used since the hand came by last.
    pub accessed: bool,
    /// It was written since it came: the store does not have it as it is.
    pub dirty: bool,
    /// How often the hand has come by since it was used; 127 at most.
    pub idle: u8,
}

/// What a policy says of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It goes, and no other is looked at.
    Take,
    /// It goes only if no other of those that are looked at has a higher rank.
    Keep(u8),
}

/// A policy, its name, and what it says of a page.
type PolicyRow = (Policy, &'static str, fn(PageUse) -> Judgement);

/// How pages are chosen: `evict=` at boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Second chance: the first page that was not used since the last round.
    #[default]
    Clock,
    /// Not recently used: of the lowest class of used and written.
    Nru,
    /// Least recently used, as far as rounds of the hand show it.
    Lru,
}

impl Policy {
    /// Every policy, with its name and its judgement.
    const ALL: [PolicyRow; 3] = [
        (Policy::Clock, "clock", clock::judge),
        (Policy::Nru, "nru", nru::judge),
        (Policy::Lru, "lru", lru::judge),
    ];

    /// The policy of that name.
    pub fn named(name: &str) -> Option<Policy> {
        let found = Policy::ALL.iter().find(|(_, known, _)| *known == name);
        found.map(|(policy, ..)| *policy)
    }

    /// Its name, as `evict=` has it.
    pub fn name(self) -> &'static str {
        Policy::ALL[self as usize].1
    }

    /// Does each page lose its A bit as the hand passes? If not, all do when every page that was passed had it.
    pub(super) fn clears(self) -> bool {
        self != Policy::Nru
    }

    /// What it says of a page.
    #[inline]
    pub fn judge(self, seen: PageUse) -> Judgement {
        (Policy::ALL[self as usize].2)(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNUSED: PageUse = PageUse {
        accessed: false,
        dirty: false,
        idle: 1,
    };

    #[test]
    fn policies_stand_at_their_place_and_have_their_names() {
        for (at, (policy, name, _)) in Policy::ALL.iter().enumerate() {
            assert_eq!((*policy as usize, Policy::named(name)), (at, Some(*policy)));
        }
        assert_eq!(Policy::named("fifo"), None);
    }

    #[test]
    fn no_policy_takes_a_page_in_use_and_nru_prefers_one_that_is_clean() {
        let used = PageUse {
            accessed: true,
            ..UNUSED
        };
        let written = PageUse {
            dirty: true,
            ..UNUSED
        };
        for (policy, ..) in Policy::ALL {
            assert!(
                matches!(policy.judge(used), Judgement::Keep(_)),
                "{policy:?}"
            );
        }
        assert_eq!(Policy::Clock.judge(written), Judgement::Take);
        assert_eq!(Policy::Nru.judge(UNUSED), Judgement::Take);
        let rank = |seen| match Policy::Nru.judge(seen) {
            Judgement::Keep(rank) => rank,
            Judgement::Take => u8::MAX,
        };
        assert!(rank(written) > rank(used));
        // The longer it was not used, the sooner it goes.
        let long = PageUse { idle: 9, ..UNUSED };
        assert_eq!(Policy::Lru.judge(long), Judgement::Keep(9));
    }
}
