//! Both stages of a guest's translation, with the second stage of every step.
//!
//! ```text
//! va --vsatp--> level 2 entry at gpa --hgatp--> pa     each entry of the guest's tables lies at a guest
//!               level 1 entry at gpa --hgatp--> pa     physical address: the second stage translates it
//!               level 0 entry at gpa --hgatp--> pa     first, as a load of user mode
//!               gpa ------------------hgatp--> pa
//! ```
//!
//! Privileged spec, §"Two-Stage Address Translation". The first stage refuses with a page fault (12, 13, 15),
//! the second with a guest page fault (20, 21, 23), both with the cause of the access that was meant.

use crate::{
    AccessOutcome, AccessType, Entry, GuestDenial, GuestRoot, GuestWalk, Leaf, Memory, Mode,
    PhysAddr, Privilege, Pte, Refusal, Root, VirtAddr, guest_page_fault, translate_guest,
};

/// One entry of the guest's own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StageStep {
    /// Level of its table.
    pub level: u8,
    /// Index of the entry.
    pub index: u16,
    /// The second stage's translation of the entry's guest physical address.
    pub guest: GuestWalk,
    /// Value of the entry; `None` if the second stage refuses the read, or there is no memory.
    pub entry: Option<Pte>,
}

/// The end of a walk of both stages.
#[expect(
    clippy::large_enum_variant,
    reason = "there is no heap here, and a walk has one outcome"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TwoStageOutcome {
    /// The guest's tables lead to a guest physical address; the second stage's answer is in `guest`.
    Mapped {
        /// The leaf of the guest's tables; `None` if `vsatp` is Bare.
        leaf: Option<Leaf>,
        /// The second stage's translation of the address.
        guest: GuestWalk,
    },
    /// The guest's tables reject the address: a page fault; an access fault for [`Refusal::NoMemory`].
    Refused(Refusal),
    /// The second stage does not let the walk read the last step's entry: a guest page fault.
    TableRefused(GuestDenial),
}

/// What stops an access to a guest's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TwoStageFault {
    /// The guest's own tables: cause 12, 13 or 15.
    Page,
    /// The second stage: cause 20, 21 or 23, at this guest physical address.
    Guest(u64),
    /// No memory under a table of either stage: cause 1, 5 or 7.
    Access,
}

impl TwoStageFault {
    /// The value of `scause` for this access.
    pub const fn cause(self, access: AccessType) -> u8 {
        match self {
            TwoStageFault::Page => access.page_fault(),
            TwoStageFault::Guest(_) => guest_page_fault(access),
            TwoStageFault::Access => match access {
                AccessType::Execute => 1,
                AccessType::Read => 5,
                AccessType::Write => 7,
            },
        }
    }
}

/// A translation through both stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TwoStageWalk {
    steps: [Option<StageStep>; Mode::MOST_LEVELS],
    /// Result of the walk.
    pub outcome: TwoStageOutcome,
}

impl TwoStageWalk {
    /// The guest's entries that were met, root first.
    pub fn steps(&self) -> impl Iterator<Item = &StageStep> {
        self.steps.iter().flatten()
    }

    /// The physical address; `None` if a stage has none.
    #[inline]
    pub const fn address(&self) -> Option<PhysAddr> {
        match &self.outcome {
            TwoStageOutcome::Mapped { guest, .. } => guest.address(),
            _ => None,
        }
    }

    /// The fault of `access` by `who`, whose SUM and MXR are those of `vsstatus`; `None` if it succeeds.
    pub fn fault(&self, access: AccessType, who: Privilege, svade: bool) -> Option<TwoStageFault> {
        let last = || self.steps().last().map_or(0, |step| step.guest.gpa);
        match &self.outcome {
            TwoStageOutcome::Refused(Refusal::NoMemory)
            | TwoStageOutcome::TableRefused(GuestDenial::Entry(Refusal::NoMemory)) => {
                Some(TwoStageFault::Access)
            }
            TwoStageOutcome::Refused(_) => Some(TwoStageFault::Page),
            TwoStageOutcome::TableRefused(_) => Some(TwoStageFault::Guest(last())),
            TwoStageOutcome::Mapped { leaf, guest } => {
                let first = leaf.map(|leaf| leaf.pte.answer(access, who));
                match first {
                    Some(AccessOutcome::Denied(_)) => return Some(TwoStageFault::Page),
                    Some(AccessOutcome::Updates(_)) if svade => return Some(TwoStageFault::Page),
                    _ => {}
                }
                match guest.refuses(access, svade)? {
                    GuestDenial::Entry(Refusal::NoMemory) => Some(TwoStageFault::Access),
                    _ => Some(TwoStageFault::Guest(guest.gpa)),
                }
            }
        }
    }
}

/// Translates `va` of a guest whose own tables begin at `first`, a guest physical address, and whose memory
/// is what `second` maps. Reads at most one entry per level, and as many of the second stage for each.
#[inline]
pub fn translate_two_stage<M: Memory + ?Sized>(
    memory: &mut M,
    first: Root,
    second: GuestRoot,
    va: VirtAddr,
) -> TwoStageWalk {
    let mut walk = TwoStageWalk {
        steps: [None; Mode::MOST_LEVELS],
        outcome: TwoStageOutcome::Refused(Refusal::NonCanonical),
    };
    if first.mode == Mode::Bare {
        let guest = translate_guest(memory, second, va.raw());
        walk.outcome = TwoStageOutcome::Mapped { leaf: None, guest };
        return walk;
    }
    if !first.mode.canonical(va) {
        return walk;
    }
    let bytes = first.mode.entry_bytes();
    let mut table = first.table;
    for (place, level) in (0..first.mode.levels()).rev().enumerate() {
        let index = first.mode.index(va, level);
        let gpa = table.raw().wrapping_add((index * bytes) as u64);
        let guest = translate_guest(memory, second, gpa);
        let denied = guest.refuses(AccessType::Read, false);
        let at = guest.address().filter(|_| denied.is_none());
        let entry = at.and_then(|at| memory.read_word(at, bytes).ok().map(Pte::new));
        walk.steps[place] = Some(StageStep {
            level,
            index: index as u16,
            guest,
            entry,
        });
        if let Some(denied) = denied {
            walk.outcome = TwoStageOutcome::TableRefused(denied);
            break;
        }
        let decoded = match entry {
            Some(pte) => pte.decode(first.mode, level, first.dialect),
            None => Entry::Refused(Refusal::NoMemory),
        };
        match decoded {
            Entry::Pointer(next) => table = next,
            Entry::Leaf(leaf) => {
                let guest = translate_guest(memory, second, leaf.at(va).raw());
                let leaf = Some(leaf);
                walk.outcome = TwoStageOutcome::Mapped { leaf, guest };
                break;
            }
            Entry::Refused(reason) => {
                walk.outcome = TwoStageOutcome::Refused(reason);
                break;
            }
        }
    }
    walk
}

/// Guest physical memory: what the second stage lets the first read. Its errors are [`GuestDenial`], or the
/// memory's own.
pub struct GuestMemory<'a, M: ?Sized> {
    memory: &'a mut M,
    second: GuestRoot,
}

impl<'a, M: Memory + ?Sized> GuestMemory<'a, M> {
    /// Memory as the second stage at `second` shows it.
    pub fn new(memory: &'a mut M, second: GuestRoot) -> GuestMemory<'a, M> {
        GuestMemory { memory, second }
    }
}

/// Why guest physical memory cannot be read.
#[derive(Debug)]
pub enum GuestReadError<E> {
    /// The second stage refuses.
    Denied(GuestDenial),
    /// The memory below does.
    Memory(E),
}

impl<M: Memory + ?Sized> Memory for GuestMemory<'_, M> {
    type Error = GuestReadError<M::Error>;

    fn read_word(&mut self, at: PhysAddr, bytes: usize) -> Result<u64, Self::Error> {
        let walk = translate_guest(self.memory, self.second, at.raw());
        if let Some(denied) = walk.refuses(AccessType::Read, false) {
            return Err(GuestReadError::Denied(denied));
        }
        let none = GuestReadError::Denied(GuestDenial::Entry(Refusal::NoMemory));
        let at = walk.address().ok_or(none)?;
        self.memory
            .read_word(at, bytes)
            .map_err(GuestReadError::Memory)
    }

    fn page(&mut self, at: PhysAddr) -> Option<&[u8; 4096]> {
        let walk = translate_guest(self.memory, self.second, at.raw());
        if walk.refuses(AccessType::Read, false).is_some() {
            return None;
        }
        self.memory.page(walk.address()?)
    }
}
