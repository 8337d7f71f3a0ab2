//! Access rules: permissions by privilege mode, and the resulting page fault.

use crate::Pte;

/// The type of an access (Privileged spec: "access type").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessType {
    /// A load from memory.
    Read,
    /// A store or an atomic.
    Write,
    /// An instruction fetch.
    Execute,
}

impl AccessType {
    /// Every access type.
    pub const ALL: [AccessType; 3] = [AccessType::Read, AccessType::Write, AccessType::Execute];

    /// The `scause` of its page fault.
    #[inline]
    pub const fn page_fault(self) -> u8 {
        match self {
            AccessType::Execute => 12,
            AccessType::Read => 13,
            AccessType::Write => 15,
        }
    }
}

/// The privilege of an access: mode, and the bits of `sstatus` that modify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Privilege {
    /// True for user mode, false for supervisor mode.
    pub is_user: bool,
    /// `sstatus.SUM`: the supervisor may access user pages.
    pub sum: bool,
    /// `sstatus.MXR`: loads are permitted where fetches are.
    pub mxr: bool,
}

impl Privilege {
    /// User mode; SUM and MXR do not apply.
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

/// Why a valid leaf does not permit an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deny {
    /// R (with MXR: R and X), W or X is clear.
    Permission,
    /// User mode on a page without U.
    SupervisorPage,
    /// Supervisor mode on a page with U: always for fetches, otherwise without SUM.
    UserPage,
}

/// The result of one access to a leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccessOutcome {
    /// The access succeeds.
    Allowed,
    /// The access succeeds, and the hart sets these of A and D; a hart that leaves them to software (Svade,
    /// T-Head's C906) takes a page fault instead.
    Updates(u64),
    /// The access takes a page fault.
    Denied(Deny),
}

impl Pte {
    /// The result of `access` by `who` to this leaf: Privileged spec, "Virtual Address Translation Process",
    /// steps 6 and 7.
    #[inline]
    pub const fn answer(self, access: AccessType, who: Privilege) -> AccessOutcome {
        if who.is_user {
            if !self.has(Pte::USER) {
                return AccessOutcome::Denied(Deny::SupervisorPage);
            }
        } else if self.has(Pte::USER) && (!who.sum || matches!(access, AccessType::Execute)) {
            return AccessOutcome::Denied(Deny::UserPage);
        }
        let is_permitted = match access {
            AccessType::Read => self.has(Pte::READ) || who.mxr && self.has(Pte::EXEC),
            AccessType::Write => self.has(Pte::WRITE),
            AccessType::Execute => self.has(Pte::EXEC),
        };
        if !is_permitted {
            return AccessOutcome::Denied(Deny::Permission);
        }
        let needed = match access {
            AccessType::Write => Pte::ACCESSED | Pte::DIRTY,
            _ => Pte::ACCESSED,
        };
        match needed & !self.raw() {
            0 => AccessOutcome::Allowed,
            missing => AccessOutcome::Updates(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USED: u64 = Pte::VALID | Pte::ACCESSED | Pte::DIRTY;

    fn answer(flags: u64, access: AccessType, who: Privilege) -> AccessOutcome {
        Pte::new(flags | USED).answer(access, who)
    }

    #[test]
    fn the_supervisor_needs_sum_for_user_data_and_never_runs_it() {
        let page = Pte::READ | Pte::WRITE | Pte::EXEC | Pte::USER;
        let sum = Privilege {
            sum: true,
            ..Privilege::SUPERVISOR
        };
        let denied = AccessOutcome::Denied(Deny::UserPage);
        for access in AccessType::ALL {
            assert_eq!(
                answer(page, access, Privilege::USER),
                AccessOutcome::Allowed
            );
            assert_eq!(answer(page, access, Privilege::SUPERVISOR), denied);
        }
        assert_eq!(answer(page, AccessType::Read, sum), AccessOutcome::Allowed);
        assert_eq!(answer(page, AccessType::Write, sum), AccessOutcome::Allowed);
        assert_eq!(answer(page, AccessType::Execute, sum), denied);
    }

    #[test]
    fn mxr_makes_executable_pages_readable() {
        let mxr = Privilege {
            mxr: true,
            ..Privilege::SUPERVISOR
        };
        let denied = AccessOutcome::Denied(Deny::Permission);
        let who = Privilege::SUPERVISOR;
        assert_eq!(answer(Pte::EXEC, AccessType::Read, who), denied);
        assert_eq!(
            answer(Pte::EXEC, AccessType::Read, mxr),
            AccessOutcome::Allowed
        );
        assert_eq!(answer(Pte::EXEC, AccessType::Write, mxr), denied);
    }

    #[test]
    fn clear_a_and_d_are_told() {
        let page = Pte::new(Pte::VALID | Pte::READ | Pte::WRITE);
        let both = Pte::ACCESSED | Pte::DIRTY;
        let who = Privilege::SUPERVISOR;
        assert_eq!(
            page.answer(AccessType::Read, who),
            AccessOutcome::Updates(Pte::ACCESSED)
        );
        assert_eq!(
            page.answer(AccessType::Write, who),
            AccessOutcome::Updates(both)
        );
        assert_eq!(
            page.with(both).answer(AccessType::Write, Privilege::USER),
            AccessOutcome::Denied(Deny::SupervisorPage)
        );
    }

    #[test]
    fn causes_are_the_manuals() {
        assert_eq!(AccessType::ALL.map(AccessType::page_fault), [13, 15, 12]);
    }
}
