//! Who may do what with a page, and which fault tells him no.

use crate::Pte;

/// What the hart wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// A load.
    Read,
    /// A store or an atomic.
    Write,
    /// An instruction fetch.
    Execute,
}

impl Access {
    /// Every kind.
    pub const ALL: [Access; 3] = [Access::Read, Access::Write, Access::Execute];

    /// The `scause` of the page fault that refuses it.
    #[inline]
    pub const fn page_fault(self) -> u8 {
        match self {
            Access::Execute => 12,
            Access::Read => 13,
            Access::Write => 15,
        }
    }
}

/// As whom the hart asks: its mode, and what `sstatus` adds for the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Privilege {
    /// User mode; else supervisor mode.
    pub is_user: bool,
    /// `sstatus.SUM`: the supervisor may read and write user pages.
    pub sum: bool,
    /// `sstatus.MXR`: loads are allowed where fetches are.
    pub mxr: bool,
}

impl Privilege {
    /// User mode.
    pub const USER: Privilege = Privilege {
        is_user: true,
        sum: false,
        mxr: false,
    };
    /// Supervisor mode, SUM and MXR clear.
    pub const SUPERVISOR: Privilege = Privilege {
        is_user: false,
        sum: false,
        mxr: false,
    };
}

/// Why a leaf that the MMU takes is refused to one access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deny {
    /// R (with MXR: and X), W or X is clear.
    Permission,
    /// User mode on a page without U.
    SupervisorPage,
    /// Supervisor mode on a page with U; for fetches always, else without SUM.
    UserPage,
}

/// What becomes of one access to a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It goes through.
    Allowed,
    /// It goes through, and the hart sets these of A and D; a hart that leaves
    /// that to software (Svade, T-Head's C906) takes a page fault instead.
    Updates(u64),
    /// A page fault.
    Denied(Deny),
}

impl Pte {
    /// What becomes of `access` by `who` to this leaf: Privileged spec, "Virtual
    /// Address Translation Process", steps 6 and 7.
    #[inline]
    pub const fn answer(self, access: Access, who: Privilege) -> Answer {
        if who.is_user {
            if !self.has(Pte::USER) {
                return Answer::Denied(Deny::SupervisorPage);
            }
        } else if self.has(Pte::USER) && (!who.sum || matches!(access, Access::Execute)) {
            return Answer::Denied(Deny::UserPage);
        }
        let is_permitted = match access {
            Access::Read => self.has(Pte::READ) || who.mxr && self.has(Pte::EXEC),
            Access::Write => self.has(Pte::WRITE),
            Access::Execute => self.has(Pte::EXEC),
        };
        if !is_permitted {
            return Answer::Denied(Deny::Permission);
        }
        let needed = match access {
            Access::Write => Pte::ACCESSED | Pte::DIRTY,
            _ => Pte::ACCESSED,
        };
        match needed & !self.raw() {
            0 => Answer::Allowed,
            missing => Answer::Updates(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: u64 = Pte::VALID | Pte::ACCESSED | Pte::DIRTY;

    fn answer(flags: u64, access: Access, who: Privilege) -> Answer {
        Pte::new(flags | USED).answer(access, who)
    }

    #[test]
    fn the_supervisor_needs_sum_for_user_data_and_never_runs_it() {
        let page = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER;
        let sum = Privilege {
            sum: true,
            ..Privilege::SUPERVISOR
        };
        let denied = Answer::Denied(Deny::UserPage);
        for access in Access::ALL {
            assert_eq!(answer(page, access, Privilege::USER), Answer::Allowed);
            assert_eq!(answer(page, access, Privilege::SUPERVISOR), denied);
        }
        assert_eq!(answer(page, Access::Read, sum), Answer::Allowed);
        assert_eq!(answer(page, Access::Write, sum), Answer::Allowed);
        assert_eq!(answer(page, Access::Execute, sum), denied);
    }

    #[test]
    fn mxr_makes_executable_pages_readable() {
        let mxr = Privilege {
            mxr: true,
            ..Privilege::SUPERVISOR
        };
        let denied = Answer::Denied(Deny::Permission);
        let who = Privilege::SUPERVISOR;
        assert_eq!(answer(Pte::EXEC, Access::Read, who), denied);
        assert_eq!(answer(Pte::EXEC, Access::Read, mxr), Answer::Allowed);
        assert_eq!(answer(Pte::EXEC, Access::Write, mxr), denied);
    }

    #[test]
    fn clear_a_and_d_are_told() {
        let page = Pte::new(Pte::VALID | Pte::READ | Pte::WRITE);
        let both = Pte::ACCESSED | Pte::DIRTY;
        let who = Privilege::SUPERVISOR;
        assert_eq!(
            page.answer(Access::Read, who),
            Answer::Updates(Pte::ACCESSED)
        );
        assert_eq!(page.answer(Access::Write, who), Answer::Updates(both));
        assert_eq!(
            page.with(both).answer(Access::Write, Privilege::USER),
            Answer::Denied(Deny::SupervisorPage)
        );
    }

    #[test]
    fn causes_are_the_manuals() {
        assert_eq!(Access::ALL.map(Access::page_fault), [13, 15, 12]);
    }
}
