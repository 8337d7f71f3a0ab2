//! Roots of page tables, found in memory without any symbol.
//!
//! ```text
//! every page ── of a root's form ── a tree of tables below it ── pointed at by none ── a root
//!                                                                      shares entries with the active one
//! ```
//!
//! A kernel gives each process a root of its own, whose entries for the kernel are the same in all of them. So
//! a page that has the form of a root and shares entries with one that is known is a root, also where tables
//! below it are gone: then it is stale. A page that shares nothing is one where all below it is in order.

mod form;
mod tree;

use std::collections::{HashMap, HashSet};

use pagetable::{Memory, Mode, PhysAddr, Satp, Xlen};

use form::Word;
use tree::{Below, Trees};

/// Pages that may be roots, collected while all of memory passes by.
pub struct RootScan {
    xlen: Xlen,
    first: PhysAddr,
    last: PhysAddr,
    found: Vec<PhysAddr>,
    bytes: u64,
}

/// Why a root is of no use any more, or cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Entries of its own lead to so many pages that are no tables.
    Broken(u64),
    /// It maps what it shares with others, and nothing else: its process has ended.
    Bare,
}

/// A root that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRoot {
    /// The root, as a register value with ASID 0; the active one has its own.
    pub satp: Satp,
    /// Its owner, where it is known; else empty.
    pub name: String,
    /// Bytes that its own entries map, and tables below those, the root included.
    pub own: (u128, u64),
    /// Bytes behind entries that another root has too, and tables below those.
    pub shared: (u128, u64),
    /// Whether a hart uses it, as far as that is known.
    pub is_active: bool,
    /// Whether it maps nothing but what the others share, and is where the kernel's own data is.
    pub is_kernel: bool,
    /// Whether it shares an entry with the active root, or with most roots where that is not known.
    pub is_kin: bool,
    /// Why it is of no use any more.
    pub stale: Option<Stale>,
}

/// All roots of a machine's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootList {
    /// By address.
    pub roots: Vec<FoundRoot>,
    /// Bytes of memory that were looked through.
    pub bytes: u64,
}

impl RootScan {
    /// A scan of memory from `first` to `last`: a table points nowhere else.
    pub fn new(xlen: Xlen, first: PhysAddr, last: PhysAddr) -> RootScan {
        RootScan {
            xlen,
            first,
            last,
            found: Vec::new(),
            bytes: 0,
        }
    }

    /// Looks at the page at `at`.
    pub fn page(&mut self, at: PhysAddr, page: &[u8; 4096]) {
        self.bytes += 4096;
        if form::is_root(page, self.xlen, self.first, self.last) {
            self.found.push(at);
        }
    }

    /// Counts a page that is known to be no root.
    pub fn skip(&mut self) {
        self.bytes += 4096;
    }

    /// Number of pages that may be roots, or tables of another level.
    pub fn candidates(&self) -> usize {
        self.found.len()
    }

    /// The roots among them. `active` are those that harts use: then only roots of that mode are looked for.
    pub fn finish<M: Memory + ?Sized>(self, memory: &mut M, active: &[Satp]) -> RootList {
        let known: Vec<Satp> = active
            .iter()
            .copied()
            .filter(|satp| satp.mode != Mode::Bare && satp.mode.xlen() == self.xlen)
            .collect();
        let modes = match (known.first(), self.xlen) {
            (Some(satp), _) => vec![satp.mode],
            (None, Xlen::Rv32) => vec![Mode::Sv32],
            // The most levels first: tables of a deeper tree look like roots of a shallower one.
            (None, Xlen::Rv64) => vec![Mode::Sv57, Mode::Sv48, Mode::Sv39],
        };
        let mut candidates = self.found;
        candidates.extend(known.iter().map(|satp| satp.root));
        candidates.sort_unstable();
        candidates.dedup();
        let (mut roots, mut taken) = (Vec::new(), HashSet::new());
        for mode in modes {
            let mut of_mode = OfMode {
                trees: Trees::new(memory, mode),
                mode,
                known: &known,
            };
            roots.extend(of_mode.roots(&candidates, &mut taken));
        }
        roots.sort_by_key(|root: &FoundRoot| root.satp.root);
        RootList {
            roots,
            bytes: self.bytes,
        }
    }
}

/// A page of a root's form, with its entries that are not zero.
struct Candidate {
    at: PhysAddr,
    entries: Vec<(u16, u64)>,
    /// Whether everything below it is in order and maps something.
    is_sound: bool,
    shares: u64,
}

struct OfMode<'a, 'm, M: ?Sized> {
    trees: Trees<'m, M>,
    mode: Mode,
    known: &'a [Satp],
}

impl<M: Memory + ?Sized> OfMode<'_, '_, M> {
    fn roots(&mut self, pages: &[PhysAddr], taken: &mut HashSet<u64>) -> Vec<FoundRoot> {
        let candidates: Vec<Candidate> = pages
            .iter()
            .filter(|at| !taken.contains(&at.frame()))
            .filter_map(|at| self.candidate(*at))
            .collect();
        let top = self.mode.root_level();
        let mut below = HashSet::new();
        for candidate in &candidates {
            if candidate.is_sound || self.is_known(candidate.at) {
                self.trees.frames(candidate.at, top, &mut below);
            }
        }
        let mut candidates: Vec<Candidate> = candidates
            .into_iter()
            .filter(|it| self.is_known(it.at) || !below.contains(&it.at.frame()))
            .collect();
        let leader = self.leader(&candidates);
        for candidate in &mut candidates {
            candidate.shares = shares(&leader, &candidate.entries);
        }
        candidates.retain(|it| it.is_sound || it.shares > 0 || self.is_known(it.at));
        let mut uses: HashMap<(u16, u64), u32> = HashMap::new();
        for entry in candidates.iter().flat_map(|it| &it.entries) {
            *uses.entry(*entry).or_default() += 1;
        }
        let mut roots: Vec<FoundRoot> = candidates
            .iter()
            .map(|candidate| self.root(candidate, &uses))
            .collect();
        mark_kernel(&mut roots);
        taken.extend(roots.iter().map(|root| root.satp.root.frame()));
        taken.extend(below);
        roots
    }

    fn is_known(&self, at: PhysAddr) -> bool {
        self.known.iter().any(|satp| satp.root == at)
    }

    fn candidate(&mut self, at: PhysAddr) -> Option<Candidate> {
        let top = self.mode.root_level();
        let words = self.trees.words(at)?;
        let mut sum = Below::default();
        let mut entries = Vec::new();
        let mut has_pointer = false;
        for (index, raw) in (0..).zip(words) {
            if raw == 0 {
                continue;
            }
            has_pointer |= form::word(raw, self.mode.xlen()) == Word::Pointer;
            sum.add(self.trees.entry(raw, top)?);
            // A and D change while a root is in use.
            let constant = !(pagetable::Pte::ACCESSED | pagetable::Pte::DIRTY);
            entries.push((index, raw & constant));
        }
        let is_sound = has_pointer && sum.broken == 0 && sum.leaves > 0;
        Some(Candidate {
            at,
            entries,
            is_sound,
            shares: 0,
        })
    }

    /// The entries by which kin is known: those of an active root, or those that most roots have.
    fn leader(&self, candidates: &[Candidate]) -> HashSet<(u16, u64)> {
        let of_known = candidates.iter().find(|it| self.is_known(it.at));
        if let Some(known) = of_known {
            return known.entries.iter().copied().collect();
        }
        let mut uses: HashMap<(u16, u64), u32> = HashMap::new();
        let sound = candidates.iter().filter(|it| it.is_sound);
        for entry in sound.flat_map(|it| &it.entries) {
            *uses.entry(*entry).or_default() += 1;
        }
        let most = uses.values().copied().max().unwrap_or(0);
        uses.retain(|_, count| *count == most && most > 1);
        uses.into_keys().collect()
    }

    fn root(&mut self, candidate: &Candidate, uses: &HashMap<(u16, u64), u32>) -> FoundRoot {
        let top = self.mode.root_level();
        let (mut own, mut shared) = (Below::default(), Below::default());
        for entry in &candidate.entries {
            let below = self.trees.entry(entry.1, top).unwrap_or_default();
            match uses.get(entry) {
                Some(2..) => shared.add(below),
                _ => own.add(below),
            }
        }
        let known = self.known.iter().find(|satp| satp.root == candidate.at);
        let is_bare = own.leaves == 0 && shared.leaves > 0;
        let stale = match (known, own.broken) {
            (Some(_), _) => None,
            (None, 0) => is_bare.then_some(Stale::Bare),
            (None, broken) => Some(Stale::Broken(broken)),
        };
        FoundRoot {
            satp: known.copied().unwrap_or(Satp {
                mode: self.mode,
                asid: 0,
                root: candidate.at,
            }),
            name: String::new(),
            own: (own.bytes, own.tables + 1),
            shared: (shared.bytes, shared.tables),
            is_active: known.is_some(),
            is_kernel: false,
            is_kin: candidate.shares > 0,
            stale,
        }
    }
}

/// How many entries are the same as the leader's.
fn shares(leader: &HashSet<(u16, u64)>, entries: &[(u16, u64)]) -> u64 {
    entries.iter().filter(|it| leader.contains(it)).count() as u64
}

/// The kernel's own root maps nothing that others do not, as does one whose process has ended. It is built into
/// the kernel, which is loaded before any page is given away: of all of them it is the first.
fn mark_kernel(roots: &mut [FoundRoot]) {
    let is_bare = |root: &&mut FoundRoot| {
        root.stale == Some(Stale::Bare) || root.is_active && root.own.0 == 0 && root.shared.0 > 0
    };
    if let Some(first) = roots
        .iter_mut()
        .filter(|root| root.is_kin)
        .find(|root| is_bare(root))
    {
        first.is_kernel = true;
        first.stale = None;
    }
}

#[cfg(test)]
mod tests;
