//! Translation of one address, with every step.

use crate::{
    AccessOutcome, AccessType, Dialect, Entry, Leaf, Memory, Mode, PhysAddr, Privilege, Pte,
    Refusal, Satp, VirtAddr,
};

/// Start of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// Paging mode of the tables.
    pub mode: Mode,
    /// Physical address of the root table.
    pub table: PhysAddr,
    /// Meaning of bits 59–63.
    pub dialect: Dialect,
}

impl Satp {
    /// The tree that this register points to, read in `dialect`.
    #[inline]
    pub const fn tree(self, dialect: Dialect) -> Root {
        Root {
            mode: self.mode,
            table: self.root,
            dialect,
        }
    }
}

/// One entry on the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Step {
    /// Level of its table.
    pub level: u8,
    /// Index of the entry.
    pub index: u16,
    /// Physical address of the entry.
    pub at: PhysAddr,
    /// Value of the entry; `None` if it is not in memory.
    pub entry: Option<Pte>,
}

/// The end of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WalkOutcome {
    /// No translation: mode Bare.
    Bare(PhysAddr),
    /// A leaf, and the translated address.
    Mapped {
        /// The physical address.
        at: PhysAddr,
        /// The leaf that maps it.
        leaf: Leaf,
    },
    /// A page fault for every access; an access fault for [`Refusal::NoMemory`].
    Refused(Refusal),
}

/// A translation with its steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Walk {
    steps: [Step; Mode::MOST_LEVELS],
    taken: usize,
    /// Result of the walk.
    pub outcome: WalkOutcome,
}

impl Walk {
    /// The entries that were read, root first.
    #[inline]
    pub fn steps(&self) -> &[Step] {
        &self.steps[..self.taken]
    }

    /// The physical address; `None` if the walk failed.
    #[inline]
    pub const fn address(&self) -> Option<PhysAddr> {
        match self.outcome {
            WalkOutcome::Bare(at) | WalkOutcome::Mapped { at, .. } => Some(at),
            WalkOutcome::Refused(_) => None,
        }
    }

    /// The `scause` of `access` by `who`; `None` if it succeeds. With `svade`, a clear A or D bit faults.
    #[inline]
    pub const fn fault(&self, access: AccessType, who: Privilege, svade: bool) -> Option<u8> {
        match self.outcome {
            WalkOutcome::Bare(_) => None,
            // Access faults are 1, 5 and 7, page faults 12, 13 and 15.
            WalkOutcome::Refused(Refusal::NoMemory) => Some(match access {
                AccessType::Execute => 1,
                AccessType::Read => 5,
                AccessType::Write => 7,
            }),
            WalkOutcome::Refused(_) => Some(access.page_fault()),
            WalkOutcome::Mapped { leaf, .. } => match leaf.pte.answer(access, who) {
                AccessOutcome::Allowed => None,
                AccessOutcome::Updates(_) if !svade => None,
                AccessOutcome::Updates(_) | AccessOutcome::Denied(_) => Some(access.page_fault()),
            },
        }
    }
}

/// Translates `va` from `root`. Reads at most one entry per level, so it ends on any input, even a table that
/// points to itself.
#[inline]
pub fn translate<M: Memory + ?Sized>(memory: &mut M, root: Root, va: VirtAddr) -> Walk {
    let mut walk = Walk {
        steps: [Step::default(); Mode::MOST_LEVELS],
        taken: 0,
        outcome: WalkOutcome::Bare(PhysAddr::new(va.raw())),
    };
    if root.mode == Mode::Bare {
        return walk;
    }
    walk.outcome = WalkOutcome::Refused(Refusal::NonCanonical);
    if !root.mode.canonical(va) {
        return walk;
    }
    let bytes = root.mode.entry_bytes();
    let mut table = root.table;
    for level in (0..root.mode.levels()).rev() {
        let index = root.mode.index(va, level);
        // A PPN has at most 44 bits, so no sum here exceeds 2^56.
        let at = table.wrapping_add((index * bytes) as u64);
        let entry = memory.read_word(at, bytes).ok().map(Pte::new);
        walk.steps[walk.taken] = Step {
            level,
            index: index as u16,
            at,
            entry,
        };
        walk.taken += 1;
        let judged = match entry {
            Some(pte) => pte.decode(root.mode, level, root.dialect),
            None => Entry::Refused(Refusal::NoMemory),
        };
        match judged {
            Entry::Pointer(next) => table = next,
            Entry::Leaf(leaf) => {
                let at = leaf.at(va);
                walk.outcome = WalkOutcome::Mapped { at, leaf };
                break;
            }
            Entry::Refused(reason) => {
                walk.outcome = WalkOutcome::Refused(reason);
                break;
            }
        }
    }
    walk
}
