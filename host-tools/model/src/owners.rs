//! Who owns which physical memory, as far as the tables of all address spaces say it.

use std::collections::BTreeMap;

use pagetable::{PAGE_BYTES, Pte};

use crate::AddressSpace;

/// Who has a part of physical memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MemoryOwner {
    /// It is a page table.
    Tables,
    /// The programs of this space alone: its place among the spaces.
    Space(usize),
    /// The programs of several spaces.
    Shared,
    /// Only the kernel maps it: its own, or free.
    Kernel,
}

/// A run of memory with one owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedPart {
    /// First physical address.
    pub at: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Who has it.
    pub owner: MemoryOwner,
}

/// What has a claim on an address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Tables,
    Kernel,
    Space(usize),
}

/// Runs of memory with the same owner by address, from a sweep over the starts and ends of all mappings. What no table
/// maps is in no run.
pub fn owned_parts<'a>(spaces: impl IntoIterator<Item = &'a AddressSpace>) -> Vec<OwnedPart> {
    // For each address, the number of mappings that start, minus those that end, per claim.
    let mut steps: BTreeMap<u64, BTreeMap<Claim, i64>> = BTreeMap::new();
    let mut claim = |first: u64, bytes: u64, claim: Claim| {
        *steps.entry(first).or_default().entry(claim).or_default() += 1;
        let end = first.saturating_add(bytes);
        *steps.entry(end).or_default().entry(claim).or_default() -= 1;
    };
    for (place, space) in spaces.into_iter().enumerate() {
        for range in space.ranges() {
            let who = match range.flags().has(Pte::USER) {
                true => Claim::Space(place),
                false => Claim::Kernel,
            };
            claim(range.pa.raw(), range.bytes, who);
        }
        for table in &space.tables() {
            claim(table.at.raw(), PAGE_BYTES, Claim::Tables);
        }
    }
    let mut open: BTreeMap<Claim, i64> = BTreeMap::new();
    let mut parts: Vec<OwnedPart> = Vec::new();
    let mut before: Option<u64> = None;
    for (at, changes) in steps {
        if let Some(first) = before
            && let Some(owner) = owner(&open)
        {
            let bytes = at - first;
            match parts.last_mut() {
                Some(last) if last.owner == owner && last.at + last.bytes == first => {
                    last.bytes += bytes;
                }
                _ => parts.push(OwnedPart {
                    at: first,
                    bytes,
                    owner,
                }),
            }
        }
        for (claim, change) in changes {
            *open.entry(claim).or_default() += change;
        }
        open.retain(|_, claims| *claims > 0);
        before = Some(at);
    }
    parts
}

/// The owner of memory with these claims; `None` without one.
fn owner(open: &BTreeMap<Claim, i64>) -> Option<MemoryOwner> {
    if open.contains_key(&Claim::Tables) {
        return Some(MemoryOwner::Tables);
    }
    // Spaces are the last of the order.
    let mut last = open.keys().rev();
    match (last.next()?, last.next()) {
        (Claim::Space(_), Some(Claim::Space(_))) => Some(MemoryOwner::Shared),
        (Claim::Space(place), _) => Some(MemoryOwner::Space(*place)),
        _ => Some(MemoryOwner::Kernel),
    }
}

#[cfg(test)]
mod tests {
    use pagetable::{Dialect, Memory, Mode, PhysAddr, Satp};

    use super::*;

    /// Roots at 0x1000 and 0x2000: a user page each, one shared page, and kernel mappings of all three.
    struct TwoRoots;

    impl Memory for TwoRoots {
        type Error = ();

        fn read_word(&mut self, at: PhysAddr, _bytes: usize) -> Result<u64, ()> {
            let user = Pte::READ | Pte::USER;
            let leaf =
                |gib: u64, flags| Pte::leaf(Mode::Sv39, PhysAddr::new(gib << 30), flags).raw();
            Ok(match (at.frame(), at.offset(4096) / 8) {
                (1, 0) => leaf(4, user),
                (2, 0) => leaf(5, user),
                (_, 1) => leaf(6, user),
                (_, index @ 256..260) => leaf(index - 252, Pte::READ),
                _ => 0,
            })
        }
    }

    #[test]
    fn each_part_is_the_users_who_has_it() {
        let spaces = [1, 2].map(|frame| {
            let satp = Satp {
                mode: Mode::Sv39,
                asid: 0,
                root: PhysAddr::from_frame(frame),
            };
            AddressSpace::read(&mut TwoRoots, satp, Dialect::None)
        });
        let parts: Vec<_> = owned_parts(&spaces)
            .iter()
            .map(|it| (it.at, it.bytes >> 12, it.owner))
            .collect();
        let gib = 1 << 18;
        assert_eq!(
            parts,
            [
                (0x1000, 2, MemoryOwner::Tables),
                (4 << 30, gib, MemoryOwner::Space(0)),
                (5 << 30, gib, MemoryOwner::Space(1)),
                (6 << 30, gib, MemoryOwner::Shared),
                (7 << 30, gib, MemoryOwner::Kernel),
            ]
        );
    }
}
